// Wall-clock time that does not jump: anchored once in a boot, carried by CLOCK_BOOTTIME.

import type { Clock } from "#core/ports.ts";
import type { Millis } from "#core/time.ts";

export interface SteadyClock extends Clock {
  /** Wall clock less CLOCK_BOOTTIME. */
  readonly offset: Millis;
  /** Goes on with the offset of the broker that ran before in this boot. */
  goOn(offset: Millis): void;
}

/**
 * While the broker runs, somebody may set the clock a day back or forth: leases and cooling must neither end early nor
 * last a day longer. The wall clock is read once, at start.
 */
export function createSteadyClock(clock: Clock): SteadyClock {
  let offset = clock.now() - clock.boottime();
  return {
    now: () => Math.round(clock.boottime() + offset),
    boottime: () => clock.boottime(),
    get offset() {
      return offset;
    },
    goOn(before) {
      offset = before;
    },
  };
}
