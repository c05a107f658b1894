// However much an imported mirror contradicts the ledger, quarantine takes no more than a quarter of the pool.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ipFromNumber, ipToNumber, ip } from "#core/address.ts";
import { decideBind } from "#core/guest.ts";
import { decideImport } from "#core/intake.ts";
import { Ledger } from "#core/ledger.ts";
import { DAY } from "#core/time.ts";
import { START, at, commit, mac, pool } from "./lease-fixtures.ts";

const node = pool("10.9.0.0/27");
/** 29 addresses: 32 less network, broadcast and gateway. */
const LIMIT = 7;
const address = (index: number) => ipFromNumber(4, ipToNumber(ip("10.9.0.2")) + BigInt(index));

test("quarantine keeps to its quarter, and whoever is not quarantined keeps what our record says", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 29 }),
      fc.integer({ min: 0, max: 29 }),
      (guests, strangers) => {
        const ledger = new Ledger();
        for (let index = 0; index < guests; index++) {
          const request = {
            mac: mac(index),
            ip: address(index),
            mode: "selecting",
            seconds: 600,
          } as const;
          commit(ledger, decideBind(ledger, node, request, at(0)));
        }
        const entries = Array.from({ length: strangers }, (_, index) => ({
          ip: address(index),
          mac: mac(100 + index),
          expiry: START + DAY,
        }));
        const outcome = commit(ledger, decideImport(ledger, node, entries, 0, at(1)));
        const conflicts = Math.min(guests, strangers);
        expect(outcome.conflicts).toHaveLength(conflicts);
        expect(ledger.count(node.name, "quarantined")).toBe(Math.min(conflicts, LIMIT));
        expect(ledger.count(node.name, "leased")).toBe(
          Math.max(guests, strangers) - Math.min(conflicts, LIMIT),
        );
      },
    ),
  );
});
