// A wall clock that was set while no broker ran ends nothing early and lets nothing last for ever.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ip } from "#core/address.ts";
import {
  STEP,
  clampTimes,
  continueClock,
  formatClock,
  parseClock,
  shiftTimes,
} from "#core/clock-step.ts";
import { decideDetach } from "#core/detach.ts";
import { decideBind } from "#core/guest.ts";
import { Ledger } from "#core/ledger.ts";
import { COOLING_TIME, STICKY_TIME } from "#core/limits.ts";
import { DAY, HOUR, MINUTE } from "#core/time.ts";
import { START, add, at, commit, container, mac, pool, stamp } from "./lease-fixtures.ts";

const BOOT = "5a3c-boot";

test("what is remembered of the clock is read back, and what is not understood is nothing", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 15), max: 10 ** 15 }), (offset) => {
      expect(parseClock(formatClock({ bootId: BOOT, offset }))).toEqual({ bootId: BOOT, offset });
    }),
  );
  for (const text of [undefined, "", BOOT, "1e9 boot", "12", " 12 boot", "99999999999999999 boot"])
    expect(parseClock(text)).toBeUndefined();
});

test.each([
  ["no memory", undefined, { kind: "unknown" }],
  ["another boot", { bootId: "before", offset: START }, { kind: "unknown" }],
  ["the same clock", { bootId: BOOT, offset: START }, { kind: "same", offset: START }],
  [
    "a corrected clock",
    { bootId: BOOT, offset: START - STEP },
    { kind: "same", offset: START - STEP },
  ],
  ["a day back", { bootId: BOOT, offset: START + DAY }, { kind: "stepped", by: -DAY }],
  ["a day forth", { bootId: BOOT, offset: START - DAY }, { kind: "stepped", by: DAY }],
])("%s", (_name, before, expected) => {
  expect(continueClock(before, { bootId: BOOT, offset: START })).toEqual(expected);
});

/** A guest with a day's lease, a container that was released, one of a sticky name, and a quarantined address. */
function filled(): Ledger {
  const ledger = new Ledger();
  for (const [index, more] of [{}, { sticky: "default/web-0 (net eth0)" }, {}].entries()) {
    add(ledger, container(`c${index}`), more);
    if (index < 2)
      commit(
        ledger,
        decideDetach(ledger, { ...container(`c${index}`), stamp: stamp(9_000) }, at(0)),
      );
  }
  const request = { mac: mac(7), ip: ip("10.9.0.6"), mode: "selecting", seconds: 86_400 } as const;
  commit(ledger, decideBind(ledger, pool(), request, at(0)));
  return ledger;
}
const untilOf = (ledger: Ledger, address: string) => ledger.lease(ip(address))?.until;

describe("a step within a boot", () => {
  test.each([-400 * DAY, -DAY, DAY, 400 * DAY])(
    "of %i leaves what was left of everything",
    (by) => {
      const ledger = filled();
      const before = [...ledger.leases()];
      const tombstones = [...ledger.tombstones().values()];
      ledger.apply(shiftTimes(ledger, by));
      for (const lease of before) {
        expect(ledger.lease(lease.ip)).toEqual({
          ...lease,
          since: lease.since + by,
          ...(lease.until === undefined ? {} : { until: lease.until + by }),
        });
      }
      for (const { key, until } of tombstones)
        expect(ledger.tombstone(key)?.until).toBe(until + by);
      expect([...ledger.cooling()].map((lease) => lease.ip)).toEqual(["10.9.0.2", "10.9.0.3"]);
    },
  );
});

describe("after a reboot, by a clock that may be wrong", () => {
  test.each([-400 * DAY, -HOUR, 0, HOUR, 2 * DAY, 400 * DAY])("%i away", (away) => {
    const ledger = filled();
    const now = START + away;
    const [renewal, leaseTime] = [12 * HOUR, DAY];
    ledger.apply(clampTimes(ledger, { now, renewal, leaseTime }));
    const left = (address: string) => (untilOf(ledger, address) ?? Number.NaN) - now;
    expect(left("10.9.0.6")).toBeGreaterThanOrEqual(renewal);
    expect(left("10.9.0.6")).toBeLessThanOrEqual(7 * DAY);
    expect(left("10.9.0.2")).toBe(COOLING_TIME);
    expect(left("10.9.0.3")).toBeGreaterThanOrEqual(DAY);
    expect(left("10.9.0.3")).toBeLessThanOrEqual(STICKY_TIME);
    expect(untilOf(ledger, "10.9.0.4")).toBeUndefined();
    for (const lease of ledger.leases()) expect(lease.since).toBeLessThanOrEqual(now);
    for (const { until } of ledger.tombstones().values())
      expect(until).toBeLessThanOrEqual(now + 10 * MINUTE);
    // Once put right, there is nothing more to put right.
    expect(clampTimes(ledger, { now, renewal, leaseTime })).toEqual([]);
  });

  test("a lease longer than today's setting is not cut: its guest counts on it", () => {
    const ledger = filled();
    const changes = clampTimes(ledger, { now: START, renewal: HOUR / 2, leaseTime: HOUR });
    ledger.apply(changes);
    expect(untilOf(ledger, "10.9.0.6")).toBe(START + DAY);
  });
});
