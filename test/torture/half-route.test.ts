// A route that the kernel refuses takes its neighbour with it.

import { expect, it } from "vitest";
import { type Mac, ip } from "#core/address.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { BRIDGE, fakeKernel } from "./kernel.ts";

const MAC = "02:cc:00:00:00:01" as Mac;

it("leaves no neighbour beside a refused route", async () => {
  const kernel = fakeKernel();
  const routes = openRouteTable({ netlink: kernel, bridge: BRIDGE });
  kernel.refusing = 1;
  const changes = ["10.203.0.2", "10.203.0.3"].map(
    (address) => ({ op: "add", ip: ip(address), mac: MAC }) as const,
  );
  const [refused, added] = await routes.apply(changes);
  expect(refused?.message).toContain("10.203.0.2");
  expect(added).toBeUndefined();
  expect([...kernel.neighbours.keys()]).toEqual(["10.203.0.3"]);
  expect([...kernel.routes]).toEqual(["10.203.0.3"]);

  kernel.refusing = 1;
  await routes.apply(changes.slice(1));
  expect([...kernel.neighbours.keys()], "beside a route that stands").toEqual(["10.203.0.3"]);
});
