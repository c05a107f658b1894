// At start: the times in the ledger are put in step with the clock of now, whatever was done to it while no broker ran.

import type { Logger } from "pino";
import {
  clampTimes,
  continueClock,
  parseClock,
  rememberClock,
  shiftTimes,
} from "#core/clock-step.ts";
import type { Change } from "#core/record.ts";
import type { Leasing } from "./leasing.ts";
import { readMemory, rememberMirror } from "./mirroring.ts";
import type { SteadyClock } from "./steady-clock.ts";

export interface ClockContinuityOptions {
  readonly leasing: Leasing;
  readonly clock: SteadyClock;
  /** Length of a guest's lease; half of it is when a guest renews (T1). */
  readonly leaseSeconds: number;
  readonly log: Pick<Logger, "warn">;
}

/**
 * Before anything is decided by a time; with a ledger that was begun anew only after the first commit, which must hold what
 * was found in use (`LedgerStore`). The times and what is remembered of the clock change in one commit.
 */
export async function continueTime(options: ClockContinuityOptions): Promise<void> {
  const { leasing, clock, leaseSeconds, log } = options;
  const { bootId } = leasing.moment();
  const before = parseClock(leasing.ledger.meta("boot"));
  const going = continueClock(before, { bootId, offset: Math.round(clock.offset) });
  if (going.kind === "same") {
    clock.goOn(going.offset);
    return;
  }
  const { changed } = await leasing.submit("SWEEP", (ledger, { now }) => {
    const leaseTime = leaseSeconds * 1_000;
    const times =
      going.kind === "stepped"
        ? [...shiftTimes(ledger, going.by), mirrorWritten(ledger.meta("mirror"), going.by)]
        : clampTimes(ledger, { now, renewal: leaseTime / 2, leaseTime });
    const memory = rememberClock({ bootId, offset: Math.round(clock.offset) });
    const outcome = { changed: times.length };
    return { changes: [...times, memory], routes: [], events: [], outcome };
  });
  if (going.kind === "stepped")
    log.warn(
      { seconds: Math.round(going.by / 1_000), changed },
      "the clock was set while no broker ran: what was left of each lease is left of it now",
    );
}

function mirrorWritten(text: string | undefined, by: number): Change {
  const memory = readMemory(text);
  return rememberMirror({ ...memory, writtenAt: memory.writtenAt + by });
}
