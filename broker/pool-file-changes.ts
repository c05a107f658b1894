// pool.json as it is against pool.json as it is served: what only a restart of the broker would take up.

import type { PoolFile } from "#provision/pool-file.ts";

/** In words, one for each difference that matters for addresses; none when both are the same. */
export function poolFileChanges(served: PoolFile, found: PoolFile | undefined): readonly string[] {
  if (found === undefined) return ["the file is gone"];
  const changes: string[] = [];
  for (const name of ["subnet", "gateway"] as const)
    if (found[name] !== served[name])
      changes.push(`${name} is ${found[name]}, and ${served[name]} is served`);
  const [now, before] = [new Set(found.ips), new Set(served.ips)];
  const [fresh, missing] = [now.difference(before).size, before.difference(now).size];
  if (fresh + missing > 0 || (found.ips === undefined) !== (served.ips === undefined))
    changes.push(`ips has ${fresh} addresses that are not served and lacks ${missing} that are`);
  return changes.map((change) => `${change}; restart the broker to take the file up`);
}
