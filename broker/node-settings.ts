// pool.json and the flags as the broker uses them: the node's pool and what the node must look like.

import { BrokerError } from "#core/errors.ts";
import { nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Pool } from "#core/range.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";

/** Throws `not-ready` when the node has no pool yet. */
export function requirePoolFile(file: PoolFile | undefined, path: string): PoolFile {
  if (file !== undefined) return file;
  throw new BrokerError("not-ready", `this node has no address pool: ${path} does not exist`, {
    hint: "run cocoon-net adopt --platform local --subnet <cidr>, or cocoon-net init in a cloud",
  });
}

export function poolOf(file: PoolFile, path: string): Pool {
  const subnet = parsePrefix(file.subnet);
  if (subnet === undefined) {
    throw new BrokerError("invalid-config", `subnet ${file.subnet} in ${path} is not a range`, {
      hint: "write the file anew with cocoon-net adopt",
    });
  }
  const { gateway, ips } = file;
  return nodePool(ips === undefined ? { subnet, gateway } : { subnet, gateway, ips });
}

/** Whether the broker keeps iptables rules: `--skip-iptables` wins over pool.json's `manageIptables`. */
export const managesIptables = (file: PoolFile, config: Config): boolean =>
  !config.skipIptables && (file.manageIptables ?? true);
