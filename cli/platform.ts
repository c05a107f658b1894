// Which platform a command is about: the flag, else the node's pool, else whoever answers as metadata server.

import { type CloudPlatform, detectPlatform } from "#provision/clouds.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { type Config, cloudEnvironment } from "#broker/config.ts";
import type { Context } from "./context.ts";

/** Throws `unsupported-platform` when nothing says it. */
export async function platformOf(
  context: Context,
  { platform }: Config,
  existing: PoolFile | undefined,
): Promise<PoolFile["platform"]> {
  return platform ?? existing?.platform ?? (await detected(context));
}

const detected = (context: Context): Promise<CloudPlatform> =>
  context.terminal.progress("asking the metadata servers", () =>
    detectPlatform({ environment: cloudEnvironment() }, context.interrupted()),
  );
