// The machine's clocks behind the core's Clock port.

import type { Clock } from "#core/ports.ts";
import { bootNanoseconds } from "./libc.ts";

/** `boottime` is CLOCK_BOOTTIME as the plugin stamps it (not process.hrtime: that stands still in suspend). */
export const systemClock: Clock = {
  now: () => Date.now(),
  boottime: () => Number(bootNanoseconds() / 1_000_000n),
};
