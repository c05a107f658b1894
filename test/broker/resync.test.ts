// Routes follow the ledger, whatever the kernel was left with.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Ip, type Mac, ip, parseMac } from "#core/address.ts";
import type { RouteChange } from "#core/effects.ts";
import { Ledger } from "#core/ledger.ts";
import type { HostRoute } from "#core/ports.ts";
import { putLease } from "#core/record.ts";
import { diffRoutes, resyncRoutes } from "#broker/resync.ts";

const MACS = [1, 2].map((last) => parseMac(`02:00:00:00:00:0${last}`) as Mac);

function ledgerOf(
  leases: readonly { last: number; mac: Mac | undefined; leased: boolean }[],
): Ledger {
  const ledger = new Ledger();
  for (const { last, mac, leased } of leases) {
    ledger.apply([
      putLease({
        ip: ip(`10.9.0.${last}`),
        pool: "node",
        state: leased ? "leased" : "cooling",
        sequence: last,
        since: 0,
        routed: leased,
        ...(mac === undefined ? {} : { mac }),
      }),
    ]);
  }
  return ledger;
}

const mac = fc.constantFrom(undefined, ...MACS);
const last = fc.integer({ min: 1, max: 12 });

/** A kernel that keeps what it is told. */
function kernel(have: readonly HostRoute[]) {
  const table = new Map<Ip, HostRoute>(have.map((route) => [route.ip, route]));
  return {
    table,
    list: async () => [...table.values()],
    apply: async (changes: readonly RouteChange[]) => {
      for (const change of changes) {
        if (change.op === "delete") table.delete(change.ip);
        else
          table.set(change.ip, {
            ip: change.ip,
            ...(change.mac === undefined ? {} : { mac: change.mac }),
          });
      }
      return changes.map(() => undefined);
    },
  };
}

test("after a resync exactly the leased addresses have a route, and a second one finds nothing to do", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.record({ last, mac, leased: fc.boolean() }), {
        selector: (lease) => lease.last,
      }),
      fc.uniqueArray(fc.record({ last, mac }), { selector: (route) => route.last }),
      async (leases, routes) => {
        const ledger = ledgerOf(leases);
        const fake = kernel(
          routes.map((route) => ({
            ip: ip(`10.9.0.${route.last}`),
            ...(route.mac === undefined ? {} : { mac: route.mac }),
          })),
        );
        await resyncRoutes(ledger, fake);
        const wanted = leases
          .filter(({ leased }) => leased)
          .map((lease) => [`10.9.0.${lease.last}`, lease.mac]);
        const standing = [...fake.table.values()].map((route) => [route.ip, route.mac]);
        expect(standing.map(String).toSorted()).toEqual(wanted.map(String).toSorted());
        expect(diffRoutes(ledger, await fake.list())).toEqual([]);
      },
    ),
  );
});

test("a lease that ended while the kernel was read is not routed again", async () => {
  const ledger = ledgerOf([{ last: 1, mac: undefined, leased: true }]);
  const fake = kernel([]);
  const slow = {
    ...fake,
    list: async () => {
      const routes = await fake.list();
      const cooling = ledgerOf([{ last: 1, mac: undefined, leased: false }]);
      queueMicrotask(() => ledger.apply([...cooling.leases()].map(putLease)));
      return routes;
    },
  };
  await resyncRoutes(ledger, slow);
  expect(fake.table.size).toBe(0);
});

test("a later batch carries the MAC of whoever holds the address when it goes to the kernel", async () => {
  const ledger = new Ledger();
  const [before, after] = MACS as [Mac, Mac];
  const lease = (index: number, mac: Mac) =>
    putLease({
      ip: ip(`10.9.${index >> 8}.${index & 255}`),
      pool: "node",
      state: "leased",
      sequence: index,
      since: 0,
      routed: true,
      mac,
    });
  ledger.apply(Array.from({ length: 600 }, (_, index) => lease(index, before)));
  const fake = kernel([]);
  let batches = 0;
  const slow = {
    ...fake,
    apply: async (changes: readonly RouteChange[]) => {
      if (batches++ === 0) ledger.apply([lease(599, after)]);
      return fake.apply(changes);
    },
  };
  await resyncRoutes(ledger, slow);
  expect(fake.table.get(ip("10.9.2.87"))?.mac).toBe(after);
});

test("an address without a neighbour is told apart when many routes are gone", async () => {
  const ledger = new Ledger();
  const left = ip("10.9.0.7");
  const lease = (index: number) =>
    putLease({
      ip: ip(`10.9.${index >> 8}.${index & 255}`),
      pool: "node",
      state: "leased",
      sequence: index,
      since: 0,
      routed: true,
      ...(index % 4 === 0 ? { mac: MACS[0] as Mac } : {}),
    });
  ledger.apply(Array.from({ length: 6_000 }, (_, index) => lease(index)));
  const told = new Map<Ip, RouteChange>();
  const apply = async (changes: readonly RouteChange[]) => {
    for (const change of changes) told.set(change.ip, change);
    return changes.map(() => undefined);
  };
  const routes = { list: async () => [], apply };
  await resyncRoutes(ledger, routes, async () => [{ ip: left, mac: MACS[1] as Mac }]);
  expect(told.size).toBe(6_000);
  const alone = [...told.values()].filter((change) => change.op === "add" && change.alone === true);
  expect(alone).toHaveLength(4_500 - 1);
  expect(told.get(left)).toEqual({ op: "add", ip: left });
  expect(told.get(ip("10.9.0.8"))).toEqual({ op: "add", ip: ip("10.9.0.8"), mac: MACS[0] });
});
