// A ledger that is filled from a store knows what one knows in which the same records were put one by one.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Ip, ip, ipFamily, ipToNumber, ipv4FromUint } from "#core/address.ts";
import { Ledger } from "#core/ledger.ts";
import { type Lease, type LeaseState, ownerKey } from "#core/lease.ts";
import type { LedgerRecord } from "#core/record.ts";
import { START, container, mac, stamp } from "./lease-fixtures.ts";

/** Two /26 that touch, the last addresses there are, and some of IPv6. */
const ADDRESSES: readonly Ip[] = [
  ...Array.from({ length: 128 }, (_, last) => ipv4FromUint(0x0a09_0000 + last)),
  ip("255.255.255.254"),
  ip("255.255.255.255"),
  ip("2001:db8::1"),
  ip("2001:db8::2"),
];
const states: readonly LeaseState[] = ["leased", "cooling", "quarantined"];

const lease: fc.Arbitrary<Lease> = fc
  .record({
    ip: fc.constantFrom(...ADDRESSES),
    state: fc.constantFrom(...states),
    who: fc.nat(200),
    sequence: fc.nat(1_000),
    ends: fc.boolean(),
  })
  .map(({ ip: address, state, who, sequence, ends }) => ({
    ip: address,
    pool: "node",
    state,
    owner: container(`c${who}`),
    sequence,
    since: START + sequence,
    routed: true,
    ...(ends ? { until: START + who } : {}),
  }));

/** Leases of a part of the addresses, among which neighbours make blocks; some addresses a second time; tombstones. */
const records: fc.Arbitrary<readonly LedgerRecord[]> = fc
  .tuple(
    fc.array(lease, { maxLength: 40 }),
    fc.subarray([...ADDRESSES]),
    fc.array(fc.nat(30), { maxLength: 5 }),
  )
  .map(([some, many, released]) => [
    ...many.map((address, index) => leaseRecord(plain(address, index))),
    ...some.map(leaseRecord),
    ...released.map((who): LedgerRecord => {
      const key = ownerKey(container(`c${who}`));
      return { kind: "tombstone", tombstone: { key, stamp: stamp(who), until: START + who } };
    }),
  ]);

const leaseRecord = (value: Lease): LedgerRecord => ({ kind: "lease", lease: value });
const plain = (address: Ip, index: number): Lease => ({
  ip: address,
  pool: "node",
  state: "leased",
  owner: container(`many-${index}`),
  sequence: index,
  since: START,
  routed: true,
});

/** Everything by which a ledger says what it knows. */
function known(ledger: Ledger): unknown {
  return {
    leases: new Map([...ledger.leases()].map((one) => [one.ip, one])),
    size: ledger.size,
    sequence: ledger.sequence,
    counts: states.map((state) => ledger.count("node", state)),
    free: ADDRESSES.filter((one) => ledger.isFree(one)),
    taken: ADDRESSES.filter((one) => ledger.blocks(ipFamily(one)).isTaken(ipToNumber(one))),
    takenInAll: ledger.blocks(4).countTaken(0n, 0xffff_ffffn),
    cooling: [...ledger.cooling()],
    tombstones: [...ledger.tombstones()],
    due: new Set(ledger.takeDue(START + 1_000, 1_000)),
  };
}

test("filled at once or put one by one, a ledger knows the same", () => {
  fc.assert(
    fc.property(records, fc.nat(ADDRESSES.length - 1), (list, offered) => {
      const [filled, put] = [new Ledger(), new Ledger()];
      const address = ADDRESSES[offered];
      if (address === undefined) throw new Error("there is no such address");
      for (const ledger of [filled, put])
        ledger.offers.hold({ ip: address, mac: mac(1), since: START, until: START + 60_000 });
      filled.fill(list);
      for (const record of list) put.apply([{ op: "put", record }]);
      expect(known(filled)).toEqual(known(put));
    }),
    { numRuns: 300 },
  );
});

test("filled twice, a ledger takes what it is given later for what holds", () => {
  const [first = ip("10.9.0.1"), second = ip("10.9.0.2")] = ADDRESSES;
  const ledger = new Ledger();
  ledger.fill([leaseRecord(plain(first, 1))]);
  ledger.fill([leaseRecord(plain(first, 2)), leaseRecord(plain(second, 3))]);
  expect(ledger.lease(first)).toEqual(plain(first, 2));
  expect(ledger.lease(second)).toEqual(plain(second, 3));
  expect(ledger.blocks(4).countTaken(0n, 0xffff_ffffn)).toBe(2n);
});
