// What the ledger remembers of the past stays within its limits, however much ends at once.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideDetach } from "#core/detach.ts";
import { Ledger } from "#core/ledger.ts";
import { type ContainerOwner, ownerKey } from "#core/lease.ts";
import { AFFINITY_LIMIT, OFFER_HOLD, TOMBSTONE_LIMIT } from "#core/limits.ts";
import { putLease } from "#core/record.ts";
import { decideSweep } from "#core/sweep.ts";
import { add, at, commit, container, mac, stamp, START } from "./lease-fixtures.ts";

test("many guests forgotten in one sweep do not exceed the limit of remembered addresses", () => {
  const ledger = new Ledger();
  ledger.apply(
    Array.from({ length: AFFINITY_LIMIT }, (_, index) => ({
      op: "put",
      record: {
        kind: "affinity",
        affinity: { mac: `old ${index}` as ReturnType<typeof mac>, ip: ip("10.9.0.9"), at: START },
      },
    })),
  );
  for (const guest of [1, 2, 3]) {
    const owner = { kind: "guest", mac: mac(guest) } as const;
    const cooling = { pool: "node", state: "cooling", since: START, until: START } as const;
    ledger.apply([
      putLease({ ip: ip(`10.9.0.${guest}`), owner, sequence: guest, routed: false, ...cooling }),
    ]);
  }
  commit(ledger, decideSweep(ledger, at(1)));
  expect(ledger.affinities().size).toBe(AFFINITY_LIMIT);
  expect([1, 2, 3].map((guest) => ledger.affinity(mac(guest))?.ip)).toHaveLength(3);
  expect(ledger.affinity(mac(3))?.ip).toBe("10.9.0.3");
});

test("a DEL that buries two keys does not exceed the limit of tombstones", () => {
  const ledger = new Ledger();
  const old = (index: number): ContainerOwner => container(`old-${index}`);
  ledger.apply(
    Array.from({ length: TOMBSTONE_LIMIT }, (_, index) => ({
      op: "put",
      record: {
        kind: "tombstone",
        tombstone: { key: ownerKey(old(index)), stamp: stamp(1), until: START + 1 },
      },
    })),
  );
  add(ledger, container("a", "before"));
  const request = { network: "after", containerId: "a", ifname: "eth0", stamp: stamp(2_000) };
  commit(ledger, decideDetach(ledger, request, at(0)));
  expect(ledger.tombstones().size).toBe(TOMBSTONE_LIMIT);
  expect(ledger.tombstone(ownerKey(container("a", "before")))).toBeDefined();
  expect(ledger.tombstone(ownerKey(container("a", "after")))).toBeDefined();
});

test("an offer that is asked for again and again still ends in time, and others with it", () => {
  const ledger = new Ledger();
  const hold = (guest: number, since: number) => {
    const until = since + OFFER_HOLD;
    ledger.offers.hold({ ip: ip(`10.9.0.${guest}`), mac: mac(guest), since, until });
  };
  hold(2, START);
  for (let again = 0; again < 10_000; again++) hold(3, START + again);
  ledger.offers.lapse(START + OFFER_HOLD);
  expect([...ledger.offers.all()].map((offer) => offer.ip)).toEqual(["10.9.0.3"]);
  ledger.offers.lapse(START + 9_999 + OFFER_HOLD);
  expect(ledger.offers.size).toBe(0);
});
