// Task: gives memory back after a burst. V8 keeps the pages that a burst took for the next one, for hours if none comes.

import type { Task } from "./task.ts";
import { pause } from "./task.ts";

/** Between two looks, in milliseconds: an idle minute has several. */
const PERIOD = 15_000;
/** Part of a period that an idle broker's loop is busy at most: a collection makes everyone wait, up to a second. */
const IDLE = 0.1;
/** How much more than the least since the last collection must be held for one that somebody may wait for, in bytes. */
const WORTHWHILE = 16 * 1_024 * 1_024;
/** Part of a period that the loop is busy at most when nobody calls: a collection then makes hardly anyone wait. */
const QUIET = 0.01;
/** Looks in a row at which nobody called until what was done before is cleared away. */
const QUIET_LOOKS = 2;

export interface MemoryKeeperOptions {
  /** Bytes that the process holds in memory. */
  readonly held: () => number;
  /** Collects all garbage and gives free pages back to the system. */
  readonly collect: () => void;
  /** Part of the time since the last question in which the event loop was busy, from 0 to 1. */
  readonly busy: () => number;
  readonly period?: number;
}

/**
 * Collects once after the start, then once whenever nobody calls any more, and in between when the broker is idle and holds
 * much more than it did: what lived at a collection may be garbage since, which nothing tells but another collection.
 */
export function createMemoryKeeper({
  held,
  collect,
  busy,
  period = PERIOD,
}: MemoryKeeperOptions): Task {
  let least = 0;
  let quietLooks = 0;
  let worked = true;
  const look = (): void => {
    const part = busy();
    const now = held();
    quietLooks = part > QUIET ? 0 : quietLooks + 1;
    worked ||= part > QUIET;
    least = Math.min(least, now);
    const isDone = worked && quietLooks >= QUIET_LOOKS;
    if (part > IDLE || (!isDone && now <= least + WORTHWHILE)) return;
    collect();
    least = held();
    worked = false;
    quietLooks = 0;
    // The collection itself was no call.
    busy();
  };
  return {
    name: "memory",
    async run(signal) {
      while (!signal.aborted) {
        await pause(period, signal);
        if (!signal.aborted) look();
      }
    },
  };
}

/** The keeper of this process. */
export function processMemoryKeeper(): Task {
  let before = performance.eventLoopUtilization();
  return createMemoryKeeper({
    held: () => process.memoryUsage.rss(),
    collect,
    busy() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
  });
}

/** V8's thorough collection; the launcher asks for it with --expose-gc, and without it nothing is collected early. */
function collect(): void {
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
}
