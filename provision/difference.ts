// What pool.json says against what the cloud shows; reads only.

import { parsePrefix } from "#core/prefix.ts";
import type { Cloud, Difference } from "./cloud.ts";
import { requireIdentity } from "./clouds.ts";
import { provisioningOf } from "./journal.ts";
import type { PoolFile } from "./pool-file.ts";

/** Throws what stood in the way of reading. */
export async function compareWithCloud<Seen>(
  cloud: Cloud<Seen>,
  pool: PoolFile,
  signal: AbortSignal,
): Promise<readonly Difference[]> {
  const identity = await requireIdentity(cloud, signal);
  const seen = await cloud.access.observe(
    {
      identity,
      nodeName: pool.nodeName,
      subnet: parsePrefix(pool.subnet),
      securityGroups: [],
      provisioning: provisioningOf(pool),
      pool,
      glance: true,
    },
    signal,
  );
  return cloud.rules.compare(pool, seen);
}
