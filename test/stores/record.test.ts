// Records as bytes: every version that was ever written is read, and nothing else is taken for a record.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ipv4FromUint, macFromBytes } from "#core/address.ts";
import type { Attachment, GuestDetails, Lease, Owner } from "#core/lease.ts";
import { type LedgerRecord, leaseKey, recordKey } from "#core/record.ts";
import { decodeRecord, encodeRecord } from "#broker/stores/record.ts";
import { everyKind } from "#test/contract/ledger-store.ts";

/** Objects as JSON makes them. */
const plain = { noNullPrototype: true };
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const owner: fc.Arbitrary<Owner> = fc.oneof(
  fc.record(
    {
      kind: fc.constant("container" as const),
      network: fc.string(),
      containerId: fc.string(),
      ifname: fc.string(),
    },
    plain,
  ),
  fc.record({ kind: fc.constant("guest" as const), mac }, plain),
  fc.record({ kind: fc.constant("found" as const), evidence: fc.string() }, plain),
);
const attachment: fc.Arbitrary<Attachment> = fc.record(
  {
    netns: fc.string(),
    identity: fc.record({ dev: fc.string(), ino: fc.string() }, plain),
    stamp: fc.record({ bootId: fc.string(), boottime: fc.nat().map(String) }, plain),
    podNamespace: fc.string({ unit: "binary" }),
    podName: fc.string({ unit: "binary" }),
    podUid: fc.uuid(),
  },
  { requiredKeys: ["netns", "stamp"], noNullPrototype: true },
);
const guest: fc.Arbitrary<GuestDetails> = fc.record(
  { hostname: fc.string({ unit: "binary" }), clientId: fc.string() },
  { requiredKeys: [], noNullPrototype: true },
);
const lease: fc.Arbitrary<Lease> = fc.record(
  {
    ip: fc.nat(0xffff_ffff).map(ipv4FromUint),
    pool: fc.string(),
    state: fc.constantFrom("leased" as const, "cooling" as const, "quarantined" as const),
    owner,
    sequence: fc.nat(),
    since: fc.nat(),
    until: fc.nat(),
    provisional: fc.constant(true as const),
    set: fc.nat(7),
    mac,
    sticky: fc.string({ unit: "binary" }),
    attachment,
    guest,
    routed: fc.boolean(),
  },
  { requiredKeys: ["ip", "pool", "state", "sequence", "since", "routed"], noNullPrototype: true },
);

/** What the first version wrote: JSON of the record as it is. */
const version1 = (record: LedgerRecord): Buffer => Buffer.from(JSON.stringify([1, record]));

test("every record comes back as it was, from this version and from the first", () => {
  const record = fc.oneof(
    lease.map((value): LedgerRecord => ({ kind: "lease", lease: value })),
    fc.constantFrom(...everyKind),
  );
  fc.assert(
    fc.property(record, (one) => {
      const key = recordKey(one);
      expect(decodeRecord(key, encodeRecord(one))).toStrictEqual({ record: one });
      expect(decodeRecord(key, version1(one))).toStrictEqual({ record: one });
    }),
  );
});

test("a record under another's key is a fault", () => {
  const [one] = everyKind;
  if (one === undefined) throw new Error("there is a record of each kind");
  const other = leaseKey(ipv4FromUint(1));
  expect(decodeRecord(other, encodeRecord(one))).toHaveProperty("fault");
});

/** Anything in the place of a part, and whether the first version, which names its parts, takes it there. */
test("a row with a wrong part is a fault exactly where the first version refuses that part", () => {
  const names = ["ip", "pool", "state", "sequence", "since", "routed", "until", "provisional"];
  const more = ["set", "mac", "sticky"];
  const part = fc.constantFrom(...[...names, ...more].entries());
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom("10.0.0.1", "010.0.0.1", "leased", true, 1),
  );
  fc.assert(
    fc.property(lease, part, value, (one, [index, name], wrong) => {
      fc.pre(wrong !== null);
      const row: unknown[] = JSON.parse(encodeRecord({ kind: "lease", lease: one }).toString());
      row[index + 1] = wrong;
      const named = { kind: "lease", lease: { ...one, [name]: wrong } };
      const key = leaseKey(name === "ip" ? ipv4FromUint(0x0a00_0001) : one.ip);
      const found = decodeRecord(key, Buffer.from(JSON.stringify(row)));
      const expected = decodeRecord(key, Buffer.from(JSON.stringify([1, named])));
      if ("record" in expected) expect(found).toStrictEqual(expected);
      else expect(found).toHaveProperty("fault");
    }),
    { numRuns: 500 },
  );
});

test("bytes and JSON of any kind are a fault, never an exception", () => {
  const key = leaseKey(ipv4FromUint(0x0a00_0001));
  const anyBytes = fc.uint8Array().map((bytes) => Buffer.from(bytes));
  const anyRow = fc
    .tuple(fc.constantFrom(1, 2, 3), fc.array(fc.jsonValue(), { maxLength: 16 }))
    .map(([version, row]) => Buffer.from(JSON.stringify([version, ...row])));
  fc.assert(
    fc.property(fc.oneof(anyBytes, anyRow), (bytes) => {
      expect(decodeRecord(key, bytes)).toHaveProperty("fault");
    }),
    { numRuns: 500 },
  );
  const whole = encodeRecord({
    kind: "lease",
    lease: { ip: ipv4FromUint(1), pool: "ä", state: "leased", sequence: 1, since: 1, routed: true },
  });
  const torn = Buffer.from(whole.toString("latin1").replace("\u00c3", "\u00ff"), "latin1");
  expect(decodeRecord("lease 0.0.0.1", whole)).toHaveProperty("record");
  expect(decodeRecord("lease 0.0.0.1", torn)).toHaveProperty("fault");
});
