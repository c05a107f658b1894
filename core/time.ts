// Time as values that are handed in: the core never reads a clock.

/** Milliseconds since the Unix epoch. */
export type Millis = number;

export const SECOND: Millis = 1_000;
export const MINUTE: Millis = 60 * SECOND;
export const HOUR: Millis = 60 * MINUTE;
export const DAY: Millis = 24 * HOUR;

/** When a plugin call began: the boot it belongs to and CLOCK_BOOTTIME in nanoseconds, as decimal text. */
export interface Stamp {
  readonly bootId: string;
  readonly boottime: string;
}

/**
 * Whether `one` began before `other`. Within a boot CLOCK_BOOTTIME decides. Between boots only the current one is known
 * to be the newest, so a stamp of another boot is older than one of the current boot, and two stamps of past boots are
 * both dead: each counts as older than the other.
 */
export function isOlder(one: Stamp, other: Stamp, currentBoot: string): boolean {
  if (one.bootId === other.bootId) return BigInt(one.boottime) < BigInt(other.boottime);
  return one.bootId !== currentBoot;
}
