// The ledger under random commands, against what must always hold.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Ip, ip, ipToNumber } from "#core/address.ts";
import { type Moment, decideAttach } from "#core/attach.ts";
import { decideDetach } from "#core/detach.ts";
import type { Decision } from "#core/effects.ts";
import { decideBind, decideDecline, decideGuestRelease, offerAddress } from "#core/guest.ts";
import { Ledger } from "#core/ledger.ts";
import { describeOwner, ownerKey } from "#core/lease.ts";
import { tombstoneKey } from "#core/record.ts";
import { decideSweep } from "#core/sweep.ts";
import { START, at, container, mac, pool, stamp } from "./lease-fixtures.ts";

const POOL = pool("10.9.0.0/28");
const ADDRESSES = Array.from({ length: 16 }, (_, last) => ip(`10.9.0.${last}`));

interface Step {
  readonly kind: "attach" | "detach" | "offer" | "bind" | "release" | "decline" | "sweep";
  readonly who: number;
  readonly address: number;
  readonly later: number;
  /** Whether the commit fails, so that everything must be undone. */
  readonly fails: boolean;
}
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("attach", "detach", "offer", "bind", "release", "decline", "sweep"),
  who: fc.integer({ min: 0, max: 7 }),
  address: fc.integer({ min: 0, max: 15 }),
  later: fc.integer({ min: 0, max: 400_000 }),
  fails: fc.boolean(),
});

function decide(
  ledger: Ledger,
  { kind, who, address }: Step,
  moment: Moment,
  time: number,
): Decision<unknown> | undefined {
  const target = ADDRESSES[address] as Ip;
  switch (kind) {
    case "attach":
      return decideAttach(
        ledger,
        {
          owner: container(`c${who}`),
          attachment: { netns: "/n", stamp: stamp(time) },
          pool: POOL,
          requested: [],
          strict: false,
        },
        moment,
      );
    case "detach":
      return decideDetach(
        ledger,
        { network: "net", containerId: `c${who}`, ifname: "eth0", stamp: stamp(time) },
        moment,
      );
    case "offer":
      offerAddress(ledger, POOL, mac(who), target, moment.now);
      return undefined;
    case "bind":
      return decideBind(
        ledger,
        POOL,
        { mac: mac(who), ip: target, mode: "selecting", seconds: 300 },
        moment,
      );
    case "release":
      return decideGuestRelease(ledger, mac(who), target, moment, "dhcp-release");
    case "decline":
      return decideDecline(ledger, POOL, mac(who), target, moment);
    case "sweep":
      return decideSweep(ledger, moment);
    default:
      return kind satisfies never;
  }
}

const snapshot = (ledger: Ledger) =>
  [...ledger.leases()].map((lease) => JSON.stringify(lease)).toSorted();

/** Records, indexes and bitmap must tell one story. */
function check(ledger: Ledger): void {
  for (const address of ADDRESSES) {
    expect(ledger.blocks(4).isTaken(ipToNumber(address))).toBe(!ledger.isFree(address));
  }
  const guests = new Map<string, Ip>();
  for (const lease of ledger.leases()) {
    expect(["10.9.0.0", "10.9.0.1", "10.9.0.15"]).not.toContain(lease.ip);
    if (lease.state !== "leased" || lease.owner === undefined) continue;
    expect(ledger.heldBy(ownerKey(lease.owner)).map((held) => held.ip)).toContain(lease.ip);
    if (lease.owner.kind !== "guest") continue;
    expect(guests.get(lease.owner.mac), describeOwner(lease.owner)).toBeUndefined();
    guests.set(lease.owner.mac, lease.ip);
  }
  const counted = (["leased", "cooling", "quarantined"] as const).reduce(
    (sum, state) => sum + ledger.count("node", state),
    0,
  );
  expect(counted).toBe([...ledger.leases()].length);
}

test("records, indexes and bitmap agree after any sequence; a failed commit leaves no trace", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const ledger = new Ledger();
      let time = 0;
      for (const current of steps) {
        time += current.later;
        const before = snapshot(ledger);
        const decision = decide(ledger, current, at(time), time + 1);
        if (decision === undefined) continue;
        const inverse = ledger.apply(decision.changes);
        if (current.fails && current.kind !== "sweep") {
          ledger.apply(inverse);
          expect(snapshot(ledger)).toEqual(before);
        }
        check(ledger);
      }
    }),
    { numRuns: 300 },
  );
});

test("what one guest was given is never another's: the holder of an address changes only through cooling or its own key", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const ledger = new Ledger();
      let time = 0;
      for (const current of steps) {
        time += current.later;
        const held = new Map(
          [...ledger.leases()]
            .filter((lease) => lease.state === "leased")
            .map((lease) => [lease.ip, lease.sequence]),
        );
        const decision = decide(ledger, current, at(time), time + 1);
        if (decision !== undefined) ledger.apply(decision.changes);
        for (const [address, sequence] of held) {
          const now = ledger.lease(address);
          if (now?.state === "leased") expect(now.sequence).toBe(sequence);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("deadlines of records that are gone are forgotten when few records are left, not when their time comes", () => {
  const ledger = new Ledger();
  const bury = (number: number, until: number): void => {
    const tombstone = { key: ownerKey(container(`c${number}`)), stamp: stamp(number), until };
    ledger.apply([{ op: "put", record: { kind: "tombstone", tombstone } }]);
  };
  const soon = START + 1_000;
  const late = START + 600_000;
  bury(0, late);
  for (let number = 1; number <= 10_000; number++) bury(number, soon);
  expect(ledger.nextDeadline()).toBe(soon);
  ledger.apply(
    [...ledger.tombstones().values()]
      .filter((tombstone) => tombstone.until === soon)
      .map(({ key }) => ({ op: "delete", key: tombstoneKey(key) })),
  );
  expect(ledger.nextDeadline()).toBe(late);
  expect(ledger.takeDue(late, 10).map((record) => record.kind)).toEqual(["tombstone"]);
});
