// Times in the ledger are of a wall clock that may have been set while no broker ran: they are put right once, at start.

import type { Change, LedgerRecord } from "./record.ts";
import { metaKey, putLease } from "./record.ts";
import type { Ledger } from "./ledger.ts";
import type { Lease, Tombstone } from "./lease.ts";
import { COOLING_TIME, QUARANTINE_TIME, STICKY_TIME, TOMBSTONE_TIME } from "./limits.ts";
import { DAY, type Millis, SECOND } from "./time.ts";

/** Differences up to this are the clock's slow corrections: within a boot the broker's own clock goes on through them. */
export const STEP = 10 * SECOND;
/** What a sticky hold has left at least after a reboot, whatever the clock says: enough for its pod to come back. */
const STICKY_REST = DAY;
/** What a guest's lease has left at most after a reboot, unless today's leases are longer: it may have been given for longer than they are. */
const LONGEST_REST = 7 * DAY;

/** What the ledger remembers of the clock: which boot it was, and the wall clock less CLOCK_BOOTTIME in that boot. */
export interface ClockMemory {
  readonly bootId: string;
  readonly offset: Millis;
}

export const formatClock = ({ bootId, offset }: ClockMemory): string => `${offset} ${bootId}`;

/** Undefined for a ledger that remembers nothing, or not what we understand. */
export function parseClock(text: string | undefined): ClockMemory | undefined {
  const match = /^(-?[0-9]{1,16}) (\S+)$/.exec(text ?? "");
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { offset: Number(match[1]), bootId: match[2] };
}

export const rememberClock = (memory: ClockMemory): Change => ({
  op: "put",
  record: { kind: "meta", meta: { name: "boot", value: formatClock(memory) } },
});

/**
 * For the first commit to a ledger that was begun anew: beside what was salvaged stand records of the clock of now from then
 * on, and no step can be told for both. Nor twice: a start that dies before the times are put right leaves it `unknown`.
 */
export const forgetClock = (ledger: Ledger): readonly Change[] =>
  ledger.meta("boot") === undefined ? [] : [{ op: "delete", key: metaKey("boot") }];

/**
 * - `same`: the broker's clock goes on as it was, so that nothing ends early or late over a restart.
 * - `stepped`: somebody set the clock in this boot; all times move by `by`, so that what is left of each stays the same.
 * - `unknown`: another boot, a ledger of before or one begun anew; how long the machine was away cannot be told from a clock that was set.
 */
export type Continuation =
  | { readonly kind: "same"; readonly offset: Millis }
  | { readonly kind: "stepped"; readonly by: Millis }
  | { readonly kind: "unknown" };

export function continueClock(before: ClockMemory | undefined, now: ClockMemory): Continuation {
  if (before === undefined || before.bootId !== now.bootId) return { kind: "unknown" };
  const by = now.offset - before.offset;
  return Math.abs(by) <= STEP ? { kind: "same", offset: before.offset } : { kind: "stepped", by };
}

/** All times moved by `by`. */
export function shiftTimes(ledger: Ledger, by: Millis): readonly Change[] {
  return timed(ledger, {
    lease: (lease) => ({
      ...lease,
      since: lease.since + by,
      ...(lease.until === undefined ? {} : { until: lease.until + by }),
    }),
    tombstone: (tombstone) => ({ ...tombstone, until: tombstone.until + by }),
  });
}

/**
 * Every end is put where it does no harm, however wrong the clock was or is: no guest's lease ends before the guest has
 * come to renew it (`renewal`, T1), no address is used again before it has cooled, and nothing lasts longer than it would
 * if it began now. Cooling addresses keep their order: by a clock that was set back the youngest was given back just now,
 * before all that follow, and the others as long before it as they were.
 */
export function clampTimes(
  ledger: Ledger,
  { now, renewal, leaseTime }: { now: Millis; renewal: Millis; leaseTime: Millis },
): readonly Change[] {
  let early = 0;
  for (const { since } of ledger.cooling()) early = Math.max(early, since + 1 - now);
  return timed(ledger, {
    lease: (lease) => clampLease(lease, early, { now, renewal, leaseTime }),
    tombstone: (tombstone) => ({
      ...tombstone,
      until: Math.min(tombstone.until, now + TOMBSTONE_TIME),
    }),
  });
}

function clampLease(
  lease: Lease,
  early: Millis,
  { now, renewal, leaseTime }: { now: Millis; renewal: Millis; leaseTime: Millis },
): Lease {
  const { until } = lease;
  const since = lease.state === "cooling" ? lease.since - early : Math.min(lease.since, now);
  if (until === undefined) return { ...lease, since };
  const [least, most] = boundsOf(lease, { renewal, leaseTime });
  return { ...lease, since, until: Math.min(Math.max(until, now + least), now + most) };
}

function boundsOf(
  { state, sticky }: Lease,
  { renewal, leaseTime }: { renewal: Millis; leaseTime: Millis },
): readonly [least: Millis, most: Millis] {
  switch (state) {
    case "leased":
      return [renewal, Math.max(leaseTime, LONGEST_REST)];
    case "cooling":
      return sticky === undefined ? [COOLING_TIME, COOLING_TIME] : [STICKY_REST, STICKY_TIME];
    case "quarantined":
      return [0, QUARANTINE_TIME];
    case "offered":
      return [0, leaseTime];
    default:
      return state satisfies never;
  }
}

/** The changes by which the ledger's leases and tombstones become what the two functions make of them. */
function timed(
  ledger: Ledger,
  become: {
    readonly lease: (lease: Lease) => Lease;
    readonly tombstone: (tombstone: Tombstone) => Tombstone;
  },
): readonly Change[] {
  const changes: Change[] = [];
  const isChanged = (lease: Lease, next: Lease): boolean =>
    next.since !== lease.since || next.until !== lease.until;
  for (const lease of ledger.leases()) {
    const next = become.lease(lease);
    if (lease.state !== "cooling" && isChanged(lease, next)) changes.push(putLease(next));
  }
  // One that is put anew stands behind all others: to keep their order, all are put anew, or none.
  const cooling = [...ledger.cooling()];
  const cooled = cooling.map((lease) => become.lease(lease));
  if (cooled.some((next, index) => isChanged(cooling[index] ?? next, next)))
    changes.push(...cooled.map(putLease));
  for (const tombstone of ledger.tombstones().values()) {
    const next = become.tombstone(tombstone);
    const record: LedgerRecord = { kind: "tombstone", tombstone: next };
    if (next.until !== tombstone.until) changes.push({ op: "put", record });
  }
  return changes;
}
