// Putting routes right: whatever stands, afterwards it is what was wanted, and then nothing is left to do.

import { test } from "vitest";
import fc from "fast-check";
import { expect } from "vitest";
import { ipv4FromUint, macFromBytes } from "#core/address.ts";
import type { HostRoute } from "#core/ports.ts";
import { diffRoutes, resyncRoutes } from "#broker/node/route-diff.ts";
import { fakeRouteTable } from "#test/fakes/route-table.ts";

const route = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.option(fc.integer({ min: 0, max: 2 })))
  .map(([host, last]): HostRoute => {
    const ip = ipv4FromUint(0x0a09_0000 + host);
    return last === null ? { ip } : { ip, mac: macFromBytes(Uint8Array.of(2, 0, 0, 0, 0, last)) };
  });
const routes = fc.uniqueArray(route, { selector: ({ ip }) => ip });

test("the kernel has what the ledger wants, and the changes are as few as can be", async () => {
  await fc.assert(
    fc.asyncProperty(routes, routes, async (want, have) => {
      const table = fakeRouteTable();
      await table.apply(have.map((one) => ({ op: "add", ...one })));
      await resyncRoutes(table, () => want);
      expect(diffRoutes(want, await table.list())).toEqual([]);
      const stays = want.filter((one) =>
        have.some((other) => other.ip === one.ip && other.mac === one.mac),
      );
      const shared = want.filter((one) => have.some((other) => other.ip === one.ip));
      expect(diffRoutes(want, have)).toHaveLength(
        want.length + have.length - shared.length - stays.length,
      );
    }),
  );
});
