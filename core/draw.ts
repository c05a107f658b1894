// Which address comes next: the holder's own first, then round robin, and a cooling one only when nothing else is free.

import type { Ip } from "./address.ts";
import type { Ledger } from "./ledger.ts";
import type { Lease } from "./lease.ts";
import { isAllocatable, nextAddress } from "./pool.ts";
import type { Pool, RangeSet } from "./range.ts";

export interface Drawn {
  readonly ip: Ip;
  /** The address was still cooling after another holder: nothing else was free. */
  readonly shortened: boolean;
}

/** The name of a range set's cursor, for example `node 0`. */
export const cursorName = (pool: Pool, set: number): string => `${pool.name} ${set}`;

/**
 * Draws from one range set of the pool. `own` are addresses that the asker holds or held last: they come back to it without
 * waiting. Undefined when every address is taken.
 */
export function draw(
  ledger: Ledger,
  pool: Pool,
  set: number,
  own: readonly Lease[],
): Drawn | undefined {
  const ranges: RangeSet = pool.sets[set] ?? [];
  for (const lease of own) {
    if (isAllocatable(ranges, lease.ip) !== undefined && ledger.offer(lease.ip) === undefined) {
      return { ip: lease.ip, shortened: false };
    }
  }
  const family = ranges[0]?.family ?? 4;
  const next = nextAddress(ranges, ledger.cursor(cursorName(pool, set)), ledger.blocks(family));
  if (next !== undefined) return { ip: next.ip, shortened: false };
  const oldest = oldestCooling(ledger, ranges);
  return oldest === undefined ? undefined : { ip: oldest.ip, shortened: true };
}

/** The address that has cooled longest, whichever pool's it was (confs are renamed); those kept for a sticky name only when there is no other. */
function oldestCooling(ledger: Ledger, ranges: RangeSet): Lease | undefined {
  let sticky: Lease | undefined;
  for (const lease of ledger.cooling()) {
    if (isAllocatable(ranges, lease.ip) === undefined || ledger.offer(lease.ip) !== undefined)
      continue;
    if (lease.sticky === undefined) return lease;
    sticky ??= lease;
  }
  return sticky;
}
