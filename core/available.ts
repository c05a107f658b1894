// How many more ADDs a pool can answer.

import { ipFamily } from "./address.ts";
import type { Ledger } from "./ledger.ts";
import { poolSize } from "./pool.ts";
import { type Pool, type RangeSet, rangeFor } from "./range.ts";

/**
 * Free and cooling addresses of the pool's scarcest set, for an ADD needs one of each set. Cooling ones count: they are given
 * when nothing else is free. Addresses that another pool's leases took are not free here either.
 */
export function availableIn(ledger: Ledger, pool: Pool): bigint {
  const bySet = pool.sets.map((set) => freeIn(ledger, set) + coolingIn(ledger, set));
  return bySet.reduce((least, next) => (next < least ? next : least), bySet[0] ?? 0n);
}

function freeIn(ledger: Ledger, set: RangeSet): bigint {
  const taken = set.map(({ family, first, last }) => ledger.blocks(family).countTaken(first, last));
  const free = poolSize(set) - taken.reduce((sum, count) => sum + count, 0n);
  return free < 0n ? 0n : free;
}

function coolingIn(ledger: Ledger, set: RangeSet): bigint {
  let cooling = 0n;
  for (const { ip } of ledger.cooling()) {
    if (set[0]?.family === ipFamily(ip) && rangeFor(set, ip) !== undefined) cooling++;
  }
  return cooling;
}
