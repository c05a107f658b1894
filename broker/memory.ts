// Task: gives memory back after a burst. V8 keeps the pages that a burst took for the next one, for hours if none comes.

import type { Task } from "./task.ts";
import { pause } from "./task.ts";

/** Between two looks, in milliseconds: an idle minute has several. */
const PERIOD = 15_000;
/** Part of a period that an idle broker's loop is busy at most: a collection makes everyone wait, up to a second. */
const IDLE = 0.1;
/** How much more than after the last collection must be held for a collection, in bytes. */
const WORTHWHILE = 16 * 1_024 * 1_024;
/** Part of a period that the loop is busy at most when nobody calls: a collection then makes hardly anyone wait. */
const QUIET = 0.01;
/** Looks in a row, since the last collection, at which nobody called, until {@link WORTHWHILE_WHEN_QUIET} is enough. */
const QUIET_LOOKS = 2;
/** As {@link WORTHWHILE}, so that what a burst left in the heap is given back too. */
const WORTHWHILE_WHEN_QUIET = 2 * 1_024 * 1_024;

export interface MemoryKeeperOptions {
  /** Bytes that the process holds in memory. */
  readonly held: () => number;
  /** Collects all garbage and gives free pages back to the system. */
  readonly collect: () => void;
  /** Part of the time since the last question in which the event loop was busy, from 0 to 1. */
  readonly busy: () => number;
  readonly period?: number;
}

/** Collects once after the start, then whenever the broker is idle and holds more than it must. */
export function createMemoryKeeper({
  held,
  collect,
  busy,
  period = PERIOD,
}: MemoryKeeperOptions): Task {
  let least = 0;
  let quietLooks = 0;
  const look = (): void => {
    const part = busy();
    quietLooks = part > QUIET ? 0 : quietLooks + 1;
    const worthwhile = quietLooks < QUIET_LOOKS ? WORTHWHILE : WORTHWHILE_WHEN_QUIET;
    if (part > IDLE || held() <= least + worthwhile) return;
    collect();
    least = held();
    quietLooks = 0;
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
