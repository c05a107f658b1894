// Routes that the kernel refuses: the others of the same call stand, and a refusal that cannot be cleaned up says so.

import { expect, test } from "vitest";
import { type Mac, ip } from "#core/address.ts";
import type { RouteChange } from "#core/effects.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { BRIDGE, fakeKernel } from "#test/torture/kernel.ts";

const MAC = "02:cc:00:00:00:01" as Mac;
const adds = (count: number): readonly RouteChange[] =>
  Array.from({ length: count }, (_, index) => ({
    op: "add",
    ip: ip(`10.203.1.${index + 1}`),
    mac: MAC,
  }));

test("a table that cannot be read fails the refused route alone, and is named in its error", async () => {
  const kernel = fakeKernel();
  const unreadable = {
    ...kernel,
    dump: () => Promise.reject(new Error("the table is out of reach")),
  };
  const routes = openRouteTable({ netlink: unreadable, bridge: BRIDGE });
  kernel.refusing = 1;
  const [refused, ...others] = await routes.apply(adds(3));
  expect(refused?.message).toMatch(/10\.203\.1\.1.*neighbour.*out of reach/);
  expect(others).toEqual([undefined, undefined]);
});

test("however many are refused, their neighbours go after a few looks at the kernel", async () => {
  const kernel = fakeKernel();
  let looks = 0;
  const dump: typeof kernel.dump = (...parameters) => {
    looks++;
    return kernel.dump(...parameters);
  };
  const routes = openRouteTable({ netlink: { ...kernel, dump }, bridge: BRIDGE });
  await routes.apply(adds(1));
  kernel.refusing = 200;
  const answers = await routes.apply(adds(200));
  expect(answers.every((answer) => answer instanceof Error)).toBe(true);
  expect([...kernel.neighbours.keys()], "of the route that stands").toEqual(["10.203.1.1"]);
  expect(looks).toBeLessThan(20);
});
