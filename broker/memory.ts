// Task: gives memory back after a burst. V8 keeps the pages that a burst took for the next one, for hours if none comes.

import type { Task } from "./task.ts";
import { pause } from "./task.ts";

/** Between two looks, in milliseconds: an idle minute has several. */
const PERIOD = 15_000;
/** Part of a period that an idle broker's loop is busy at most: a collection makes everyone wait, up to a second. */
const IDLE = 0.1;
/** How much more than after the last collection must be held in vain, in bytes. */
const WORTHWHILE = 16 * 1_024 * 1_024;

export interface MemoryKeeperOptions {
  /** Bytes that the process holds and bytes in live objects, as far as is known without a collection. */
  readonly usage: () => { readonly rss: number; readonly heapUsed: number };
  /** Collects all garbage and gives free pages back to the system. */
  readonly collect: () => void;
  /** Part of the time since the last question in which the event loop was busy, from 0 to 1. */
  readonly busy: () => number;
  readonly period?: number;
}

/** Collects once after the start, then whenever the broker is idle and holds {@link WORTHWHILE} more than it must. */
export function createMemoryKeeper({
  usage,
  collect,
  busy,
  period = PERIOD,
}: MemoryKeeperOptions): Task {
  let tolerated = 0;
  const idle = (): number => {
    const { rss, heapUsed } = usage();
    return rss - heapUsed;
  };
  return {
    name: "memory",
    async run(signal) {
      while (!signal.aborted) {
        await pause(period, signal);
        if (signal.aborted || busy() > IDLE || idle() <= tolerated) continue;
        collect();
        tolerated = idle() + WORTHWHILE;
      }
    },
  };
}

/** The keeper of this process. */
export function processMemoryKeeper(): Task {
  let before = performance.eventLoopUtilization();
  return createMemoryKeeper({
    usage: () => process.memoryUsage(),
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
