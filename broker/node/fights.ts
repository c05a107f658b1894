// Who repairs the same thing again and again has an opponent: wait longer each time instead of fighting.

import { MINUTE, type Millis, SECOND } from "#core/time.ts";

/** Repairs of one item within this time count as one quarrel. */
export const QUARREL_TIME = MINUTE;
/** Repairs in a quarrel that are made at once. */
export const PATIENCE = 3;
const FIRST_PAUSE = 15 * SECOND;
const LONGEST_PAUSE = 5 * MINUTE;
/** Items that are followed; the oldest are forgotten first. */
const ITEM_LIMIT = 1_024;

interface Quarrel {
  readonly repairs: number;
  readonly last: Millis;
  readonly notBefore: Millis;
}

export interface Fights {
  mayRepair(item: string, now: Millis): boolean;
  /** Counts a repair; true when this one turned it into a fight (warn once). */
  repaired(item: string, now: Millis): boolean;
}

export function createFights(): Fights {
  const quarrels = new Map<string, Quarrel>();
  return {
    mayRepair: (item, now) => now >= (quarrels.get(item)?.notBefore ?? 0),
    repaired(item, now) {
      const before = quarrels.get(item);
      const over =
        before === undefined || now > Math.max(before.last, before.notBefore) + QUARREL_TIME;
      const repairs = over ? 1 : before.repairs + 1;
      const beyond = repairs - PATIENCE;
      const pause = beyond < 0 ? 0 : Math.min(FIRST_PAUSE * 2 ** beyond, LONGEST_PAUSE);
      quarrels.delete(item);
      quarrels.set(item, { repairs, last: now, notBefore: now + pause });
      const oldest = quarrels.size > ITEM_LIMIT ? quarrels.keys().next().value : undefined;
      if (oldest !== undefined) quarrels.delete(oldest);
      return repairs === PATIENCE;
    },
  };
}
