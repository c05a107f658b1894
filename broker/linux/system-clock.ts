// The machine's clocks behind the core's Clock port.

import type { Clock } from "#core/ports.ts";
import { bootNanoseconds } from "./libc.ts";

/**
 * How long a reading of CLOCK_BOOTTIME is carried on by performance.now(), in milliseconds. That one costs a fortieth, and
 * stands still in suspend: the time of a suspend is noticed so much later at most.
 */
const CARRIED = 10;

/** `boottime` is CLOCK_BOOTTIME as the plugin stamps it (not process.hrtime: that stands still in suspend). */
export const systemClock: Clock = { now: () => Date.now(), boottime: carriedBoottime() };

function carriedBoottime(): () => number {
  let read = { at: -Infinity, boottime: 0 };
  let last = 0;
  return () => {
    const now = performance.now();
    if (now - read.at > CARRIED)
      read = { at: now, boottime: Number(bootNanoseconds() / 1_000n) / 1_000 };
    // The two readings are a moment apart: the next one must not seem to step back.
    last = Math.max(last, Math.floor(read.boottime + now - read.at));
    return last;
  };
}
