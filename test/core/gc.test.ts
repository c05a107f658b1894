// CNI GC frees what it is told to and nothing else: a stale list takes no address from a container that came later.

import fc from "fast-check";
import { expect, test } from "vitest";
import { decideCollect } from "#core/detach.ts";
import { Ledger } from "#core/ledger.ts";
import { add, addressesOf, at, commit, container, pool, stamp } from "./lease-fixtures.ts";

const node = pool("10.9.0.0/27");
const named = { pool: node, sticky: "default/web-0 (net eth0)" };

test("a list made before a pod of the same name came back leaves the new pod its address", () => {
  const ledger = new Ledger();
  const [kept] = addressesOf(add(ledger, container("web-old"), { ...named, boottime: 1_000 }));
  const valid = [{ containerId: "other", ifname: "eth0" }];
  const collect = (boottime: number) =>
    commit(ledger, decideCollect(ledger, { network: "net", valid, stamp: stamp(boottime) }, at(0)))
      .released;
  expect(collect(2_000)).toEqual([kept]);
  // GC only unbinds: the name has its address, the next pod of the name gets it.
  expect(addressesOf(add(ledger, container("web-new"), { ...named, boottime: 3_000 }))).toEqual([
    kept,
  ]);
  expect(collect(2_500)).toEqual([]);
  expect(collect(4_000)).toEqual([kept]);
});

test("released are exactly those of the network that began before the call and are not listed", () => {
  const attachment = fc.record({
    id: fc.constantFrom("a", "b", "c", "d"),
    ifname: fc.constantFrom("eth0", "eth1"),
    network: fc.constantFrom("net", "other"),
    boottime: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(attachment, {
        selector: ({ id, ifname, network }) => `${network} ${id} ${ifname}`,
      }),
      fc.array(
        fc.record({
          containerId: fc.constantFrom("a", "b", "x"),
          ifname: fc.constantFrom("eth0", "eth1"),
        }),
      ),
      fc.integer({ min: 1, max: 9 }),
      (held, valid, began) => {
        const ledger = new Ledger();
        const addresses = held.map(({ id, ifname, network, boottime }) =>
          addressesOf(add(ledger, container(id, network, ifname), { pool: node, boottime })).join(),
        );
        const expected = held.flatMap(({ id, ifname, network, boottime }, index) =>
          network === "net" &&
          boottime < began &&
          !valid.some((one) => one.containerId === id && one.ifname === ifname)
            ? [addresses[index]]
            : [],
        );
        const request = { network: "net", valid, stamp: stamp(began) };
        const { released } = commit(ledger, decideCollect(ledger, request, at(0)));
        expect(released.toSorted()).toEqual(expected.flatMap((one) => one ?? []).toSorted());
      },
    ),
  );
});
