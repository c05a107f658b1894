// The cloud's side of status: how far provisioning came, and what the cloud shows otherwise than pool.json.

import { toBrokerError } from "#core/errors.ts";
import type { Difference } from "#provision/cloud.ts";
import { withCloud } from "#provision/clouds.ts";
import { compareWithCloud } from "#provision/difference.ts";
import { provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { cloudEnvironment } from "#broker/config.ts";
import { differencesInWords } from "./difference-text.ts";
import { formatPairs } from "./table.ts";

/** A person waits for status; a cloud that is slower is told as not reached. */
export const CLOUD_PATIENCE_MS = 10_000;

export interface CloudSide {
  readonly platform: string;
  /** State of provisioning; `unrecorded` for a pool of the Go version, `unreadable` for a damaged journal. */
  readonly state: string;
  readonly degraded: readonly string[];
  readonly differences: readonly Difference[];
  /** Why the cloud could not be read. */
  readonly unread?: string;
}

/** `undefined` for a node without a cloud. Never throws: status must show the rest. */
export async function cloudSide(
  pool: PoolFile | undefined,
  interrupted: AbortSignal,
): Promise<CloudSide | undefined> {
  if (pool === undefined || pool.platform === "local") return undefined;
  const { platform } = pool;
  const late = AbortSignal.timeout(CLOUD_PATIENCE_MS);
  const signal = AbortSignal.any([interrupted, late]);
  let side = { platform, state: "unreadable", degraded: [] as readonly string[] };
  try {
    const recorded = provisioningOf(pool);
    side = {
      platform,
      state: recorded?.state ?? "unrecorded",
      degraded: recorded?.degraded ?? [],
    };
    const differences = await withCloud(platform, { environment: cloudEnvironment() }, (cloud) =>
      compareWithCloud(cloud, pool, signal),
    );
    return { ...side, differences };
  } catch (thrown) {
    const unread = late.aborted
      ? `${platform} did not tell everything within ${CLOUD_PATIENCE_MS / 1_000} s; try again, or leave it out with --no-cloud`
      : toBrokerError(thrown).message;
    return { ...side, differences: [], unread };
  }
}

export function cloudInWords({
  platform,
  state,
  degraded,
  differences,
  unread,
}: CloudSide): string {
  const pairs = formatPairs([
    ["cloud", `${platform}, provisioning ${state}`],
    ...degraded.map((reason): [string, string] => ["degraded", reason]),
    ...(unread === undefined ? [] : [["not read", unread] as [string, string]]),
  ]);
  return `${pairs}${unread === undefined ? differencesInWords(differences) : ""}`;
}
