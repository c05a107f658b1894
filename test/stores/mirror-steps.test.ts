// leases.json of a full node is made in short steps that come to the same as all of it at once.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ipv4FromUint, ipv4ToUint, macFromBytes } from "#core/address.ts";
import type { Lease } from "#core/lease.ts";
import { mirrorSteps } from "#core/mirror.ts";
import { type Steps, atOnce, inTurns } from "#core/turns.ts";
import { PIECE_ROWS, mirrorText } from "#broker/stores/mirror-rows.ts";
import { leaseOf } from "#test/contract/ledger-store.ts";

/** Guests at these addresses. */
const guestsAt = (addresses: readonly number[]): Lease[] =>
  addresses.map((address) => {
    const octets = [2, 0, address >>> 24, address >>> 16, address >>> 8, address];
    const mac = macFromBytes(Uint8Array.from(octets));
    return leaseOf(ipv4FromUint(address), { owner: { kind: "guest", mac }, until: address });
  });

/** Steps until the end, and the result. */
function stepped<Result>(steps: Steps<Result>): {
  readonly count: number;
  readonly result: Result;
} {
  for (let count = 1; ; count++) {
    const step = steps.next();
    if (step.done === true) return { count, result: step.value };
  }
}

/** A full /16 in an order that is neither the addresses' nor its reverse. */
const full = guestsAt(
  Array.from({ length: 65_536 }, (_, index) => 0x0a850000 + ((index * 40_503) % 65_536)),
);

test("rows are in the order of their addresses, whatever the order of the leases", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(0xffff_ffff), { maxLength: 40 }), (addresses) => {
      const rows = atOnce(mirrorSteps(guestsAt(addresses)));
      const inOrder = addresses.toSorted((one, other) => one - other);
      expect(rows.map(({ ip }) => ipv4ToUint(ip))).toEqual(inOrder);
      expect(rows.map(({ expiry }) => expiry)).toEqual(inOrder);
    }),
  );
});

test("no step of a full node is longer than some hundred rows", () => {
  const rows = stepped(mirrorSteps(full));
  expect(rows.result.map(({ ip }) => ipv4ToUint(ip))).toEqual(
    Array.from({ length: 65_536 }, (_, index) => 0x0a850000 + index),
  );
  expect(rows.count).toBeGreaterThanOrEqual((3 * 65_536) / 1_024);
  const text = stepped(mirrorText(rows.result));
  expect(text.count).toBe(Math.ceil(65_536 / PIECE_ROWS));
  for (const piece of text.result) expect(piece.length).toBeLessThan(80 * 1_024);
});

test.each([0, 1, PIECE_ROWS - 1, PIECE_ROWS, PIECE_ROWS + 1, 3 * PIECE_ROWS])(
  "the pieces of %i rows make one JSON text",
  (count) => {
    const rows = atOnce(mirrorSteps(full)).slice(0, count);
    const text = Buffer.concat(atOnce(mirrorText(rows))).toString();
    const expected = rows.map(({ mac, ip, expiry }) => {
      const time = new Date(expiry).toISOString().replace(".000Z", "Z");
      return { mac, ip, expiry: time };
    });
    expect(JSON.parse(text)).toEqual(expected);
  },
);

test("between two steps others have their turn", async () => {
  let turns = 0;
  const rows = await inTurns(mirrorSteps(full.slice(0, 10_000)), async () => void turns++);
  expect(rows).toEqual(atOnce(mirrorSteps(full.slice(0, 10_000))));
  expect(turns).toBeGreaterThan(20);
});
