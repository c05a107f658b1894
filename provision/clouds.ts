// The clouds there are. Each is loaded when it is used, so that no command pays for another's libraries.

import { BrokerError } from "#core/errors.ts";
import type { Cloud } from "./cloud.ts";
import type { NodeIdentity } from "./journal.ts";

export type CloudPlatform = Cloud<unknown>["platform"];

export interface CloudOptions {
  /** Variables that name credentials and endpoints. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Works with any cloud; what it has seen stays inside. */
export type CloudUser<Result> = <Seen>(cloud: Cloud<Seen>) => Promise<Result>;

/** NEW CLOUD: one folder, one case here, one row in the tests' table. */
export async function withCloud<Result>(
  platform: CloudPlatform,
  options: CloudOptions,
  use: CloudUser<Result>,
): Promise<Result> {
  switch (platform) {
    case "gke": {
      const { openGke } = await import("#provision/gke/cloud.ts");
      return use(openGke(options));
    }
    case "volcengine": {
      const { openVolcengine } = await import("#provision/volcengine/cloud.ts");
      return use(openVolcengine(options));
    }
    default:
      return platform satisfies never;
  }
}

const platforms: readonly CloudPlatform[] = ["gke", "volcengine"];

/** Asks each cloud's metadata server, all at once. Throws `unsupported-platform` when none or more than one answers. */
export async function detectPlatform(
  options: CloudOptions,
  signal: AbortSignal,
): Promise<CloudPlatform> {
  const identities = await Promise.all(
    platforms.map((platform) =>
      withCloud(platform, options, (cloud) => cloud.access.detect(signal)),
    ),
  );
  const found = platforms.filter((_, index) => identities[index] !== undefined);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new BrokerError(
    "unsupported-platform",
    found.length === 0
      ? "no platform is named, and no cloud's metadata server answers on this machine"
      : `no platform is named, and the metadata servers of ${found.join(" and ")} both answer`,
    {
      hint: "name it with --platform gke or --platform volcengine; without a cloud: cocoon-net adopt --platform local --subnet <cidr>",
    },
  );
}

/** Where the cloud is known, a node that is busy or just booting is given more than the time that tells clouds apart. */
const IDENTITY_TRIES = 3;

/** This machine in that cloud. Throws `cloud-unavailable` when its metadata server does not answer. */
export async function requireIdentity(
  cloud: Pick<Cloud<unknown>, "platform"> & {
    readonly access: Pick<Cloud<unknown>["access"], "detect">;
  },
  signal: AbortSignal,
): Promise<NodeIdentity> {
  for (let tried = 0; tried < IDENTITY_TRIES; tried++) {
    const identity = await cloud.access.detect(signal);
    if (identity !== undefined) return identity;
    signal.throwIfAborted();
  }
  throw new BrokerError(
    "cloud-unavailable",
    `the metadata server of ${cloud.platform} does not answer on this machine`,
    {
      hint: "run this on the node itself, in the host's network namespace, or name the right --platform",
    },
  );
}
