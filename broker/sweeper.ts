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
        const swept = await sweep(leasing);
        if (swept !== "more") await pause(swept === "failed" ? RETRY : PERIOD, signal);
      }
    },
  };
}

/** `more`: more is due at once. */
export async function sweep(leasing: Leasing): Promise<"more" | "done" | "failed"> {
  const next = leasing.ledger.nextDeadline();
  if (next === undefined || next > leasing.moment().now) return "done";
  try {
    const { more } = await leasing.submit("SWEEP", decideSweep);
    return more ? "more" : "done";
  } catch {
    // The failure was reported by leasing; what was due stays due.
    return "failed";
  }
}
