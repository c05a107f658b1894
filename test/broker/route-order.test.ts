// The route table when calls overlap: the neighbour of the latest change stands, whatever becomes of an earlier one.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { messageType } from "#broker/linux/netlink-codec.ts";
import { NetlinkError, errno } from "#broker/linux/netlink-error.ts";
import type { Netlink, NetlinkRequest } from "#broker/linux/netlink.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { mac } from "#test/core/lease-fixtures.ts";

const five = ip("10.208.0.5");

/** A kernel that works off requests at once and in order; its answers to look-ups come when the test says so. */
function kernel() {
  const done: string[] = [];
  const lookUps: (() => void)[] = [];
  const refused = new NetlinkError(errno.invalid, "add the route");
  let refusing = true;
  const netlink: Netlink = {
    port: 1,
    request: (requests: readonly NetlinkRequest[]) =>
      Promise.resolve(
        requests.map(({ type, what }) => {
          if (type === messageType.newRoute && refusing) return refused;
          done.push(what);
          return undefined;
        }),
      ),
    dump: () =>
      new Promise((_resolve, reject) =>
        lookUps.push(() => reject(new NetlinkError(errno.networkUnreachable, "look"))),
      ),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  // Any link that is there stands for the bridge.
  const table = openRouteTable({ netlink, bridge: "lo" });
  return { table, done, lookUps, agree: () => (refusing = false) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("the neighbour of a refused route goes, as long as nothing else was asked for its address", async () => {
  const { table, done, lookUps } = kernel();
  const first = table.apply([{ op: "add", ip: five, mac: mac(5) }]);
  await settle();
  for (const answer of lookUps) answer();
  expect(await first).toMatchObject([{ code: "route-failed" }]);
  expect(done).toEqual([`add the neighbour ${five} at ${mac(5)}`, `delete the neighbour ${five}`]);
});

test("a later call's neighbour is not taken away with an earlier call's refused route", async () => {
  const { table, done, lookUps, agree } = kernel();
  const first = table.apply([{ op: "add", ip: five, mac: mac(5) }]);
  await settle();
  expect(lookUps).toHaveLength(1);
  agree();
  const second = table.apply([{ op: "add", ip: five, mac: mac(6) }]);
  for (const answer of lookUps) answer();
  expect([await first, await second]).toMatchObject([[{ code: "route-failed" }], [undefined]]);
  expect(done.at(-1)).toBe(`add the neighbour ${five} at ${mac(6)}`);
});
