// Where memory lacks for a larger tree of taken addresses, a decision is applied wholly or not at all.

import { afterEach, expect, test, vi } from "vitest";
import { type Ip, ip, ipFamily, ipToNumber } from "#core/address.ts";
import { Ledger } from "#core/ledger.ts";
import type { Lease } from "#core/lease.ts";
import type { Change } from "#core/record.ts";
import { START, container, mac, stamp } from "./lease-fixtures.ts";

/** Each is far from the others, so that the tree needs nodes of its own for it. */
const PLACES = 200;

afterEach(() => {
  vi.unstubAllGlobals();
});

const COLUMNS = ["Uint8Array", "Int16Array", "Int32Array", "Float64Array"] as const;
const ADDRESSES: Readonly<Record<4 | 6, (place: number) => Ip>> = {
  4: (place) => ip(`${place + 1}.0.0.1`),
  6: (place) => ip(`2001:db8:${place.toString(16)}::1`),
};

/** Answers with false when it failed for want of memory. */
function withoutMemory(column: (typeof COLUMNS)[number], act: () => void): boolean {
  vi.stubGlobal(column, noArray);
  try {
    act();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return false;
  } finally {
    vi.unstubAllGlobals();
  }
}

/** In place of a typed array's constructor. */
function noArray(): never {
  throw new RangeError("Array buffer allocation failed");
}

function leased(address: Ip, sequence: number): Lease {
  const owner = container(`c${sequence}`);
  return { ...LEASE, ip: address, owner, sequence };
}
const LEASE = {
  state: "leased",
  pool: "node",
  since: START,
  routed: true,
  attachment: { netns: "/n", stamp: stamp(1) },
} as const;

const put = (lease: Lease): Change => ({ op: "put", record: { kind: "lease", lease } });

/** Everything by which a ledger says what it knows of the addresses. */
function known(ledger: Ledger, addresses: readonly Ip[]): unknown {
  return {
    leases: [...ledger.leases()],
    size: ledger.size,
    sequence: ledger.sequence,
    leased: ledger.count("node", "leased"),
    offers: [...ledger.offers.all()],
    free: addresses.filter((one) => ledger.isFree(one)),
    taken: addresses.filter((one) => ledger.blocks(ipFamily(one)).isTaken(ipToNumber(one))),
  };
}

test.each(COLUMNS.flatMap((column) => ([4, 6] as const).map((family) => ({ column, family }))))(
  "a decision of two IPv$family addresses without a larger $column",
  ({ column, family }) => {
    const ledger = new Ledger();
    const addresses = Array.from({ length: PLACES }, (_, place) => ADDRESSES[family](place));
    let failures = 0;
    for (let place = 0; place < PLACES; place += 2) {
      const changes = addresses
        .slice(place, place + 2)
        .map((one, index) => put(leased(one, place + index + 1)));
      const before = known(ledger, addresses);
      if (withoutMemory(column, () => ledger.apply(changes))) continue;
      failures++;
      expect(known(ledger, addresses)).toEqual(before);
      ledger.apply(changes);
    }
    expect(failures).toBeGreaterThan(0);
    expect(known(ledger, addresses)).toMatchObject({ leased: PLACES, free: [], taken: addresses });
  },
);

test.each(COLUMNS)("an offer without a larger %s, in place of another", (column) => {
  const ledger = new Ledger();
  const addresses = Array.from({ length: PLACES }, (_, place) => ADDRESSES[4](place));
  let failures = 0;
  for (const [place, address] of addresses.entries()) {
    // A guest that is offered another address gives the one before it up.
    const offer = { ip: address, mac: mac(place % 150), since: START, until: START + 1_000 };
    const before = known(ledger, addresses);
    if (withoutMemory(column, () => ledger.offers.hold(offer))) continue;
    failures++;
    expect(known(ledger, addresses)).toEqual(before);
    ledger.offers.hold(offer);
  }
  expect(failures).toBeGreaterThan(0);
  expect(known(ledger, addresses)).toMatchObject({
    free: addresses.slice(0, 50),
    taken: addresses.slice(50),
  });
});

test.each(COLUMNS)("an offer that is over while memory lacks for a larger %s", (column) => {
  const ledger = new Ledger();
  // Full, so that giving one address back takes nodes that are not there yet.
  const addresses = Array.from({ length: PLACES }, (_, place) => ADDRESSES[4](place));
  for (const address of addresses) {
    const block = { family: 4, base: ipToNumber(address) & ~0xff_ffffn, length: 8 } as const;
    expect(ledger.blocks(4).take(block)).toBe(true);
  }
  for (const [place, address] of addresses.entries())
    ledger.offers.hold({ ip: address, mac: mac(place), since: START, until: START + place });
  let failures = 0;
  for (const [place, address] of addresses.entries()) {
    const until = START + place;
    if (withoutMemory(column, () => ledger.offers.lapse(until))) continue;
    failures++;
    expect(ledger.offer(address)).toMatchObject({ until });
    ledger.offers.lapse(until);
  }
  expect(failures).toBeGreaterThan(0);
  expect(known(ledger, addresses)).toMatchObject({ offers: [], taken: [] });
});

test("what a commit that failed would have changed can be undone without more memory", () => {
  const ledger = new Ledger();
  const addresses = Array.from({ length: PLACES }, (_, place) => ADDRESSES[4](place));
  for (const [place, address] of addresses.entries()) {
    const before = known(ledger, addresses);
    // Alone it leaves the least room behind.
    const inverse = ledger.apply([put(leased(address, place + 1))]);
    for (const column of COLUMNS) vi.stubGlobal(column, noArray);
    ledger.undo([inverse]);
    vi.unstubAllGlobals();
    expect({ ...(known(ledger, addresses) as object), sequence: 0 }).toEqual({
      ...(before as object),
      sequence: 0,
    });
    ledger.apply([put(leased(address, place + 1))]);
  }
});
