// Task: ends what time ends. The ledger's heap says when; nothing is scanned.

import { decideSweep } from "#core/sweep.ts";
import type { Leasing } from "./leasing.ts";
import { type Task, pause } from "./task.ts";

/** How late an end may be noticed, in milliseconds. */
const PERIOD = 1_000;
/** After a commit that failed: when the same ends are tried again, in milliseconds. */
const RETRY = 5_000;

export function createSweeper(leasing: Leasing): Task {
  return {
    name: "sweeper",
    async run(signal) {
      while (!signal.aborted) {
        leasing.ledger.offers.lapse(leasing.moment().now);
        const more = await sweep(leasing);
        if (!more) await pause(PERIOD, signal);
      }
    },
  };
}

/** Whether more is due at once. */
export async function sweep(leasing: Leasing): Promise<boolean> {
  const { now } = leasing.moment();
  const next = leasing.ledger.nextDeadline();
  if (next === undefined || next > now) return false;
  let ended: Awaited<ReturnType<typeof decideSweep>>["outcome"]["ended"] = [];
  try {
    const outcome = await leasing.submit("SWEEP", (ledger, moment) => {
      const decision = decideSweep(ledger, moment);
      ended = decision.outcome.ended;
      return decision;
    });
    return outcome.more;
  } catch {
    // The failure was reported by leasing; what was due stays due.
    for (const record of ended) leasing.ledger.restoreDeadline(record, now + RETRY);
    return false;
  }
}
