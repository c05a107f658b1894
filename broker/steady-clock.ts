// Wall-clock time that does not jump: anchored once, carried by CLOCK_BOOTTIME.

import type { Clock } from "#core/ports.ts";

/**
 * While the broker runs, somebody may set the clock a day back or forth: leases and cooling must neither end early nor
 * last a day longer. The wall clock is read once, at start.
 */
export function createSteadyClock(clock: Clock): Clock {
  const wall = clock.now();
  const boot = clock.boottime();
  return {
    now: () => wall + Math.round(clock.boottime() - boot),
    boottime: () => clock.boottime(),
  };
}
