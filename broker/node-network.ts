// pool.json and the settings as the node's set-up wants them.

import { BrokerError } from "#core/errors.ts";
import { type Prefix, parsePrefix } from "#core/prefix.ts";
import type { NodeNetwork } from "#broker/node/desired.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";
import { managesIptables } from "./node-settings.ts";
import { vpcCidrsOf } from "./uplinks.ts";

/** Throws `invalid-config` when the file's subnet is none. */
export function nodeNetworkOf(file: PoolFile, config: Config, mtu: number): NodeNetwork {
  const subnet = parsePrefix(file.subnet);
  if (subnet === undefined) {
    throw new BrokerError(
      "invalid-config",
      `subnet ${file.subnet} in ${config.poolFile} is not a range`,
      { hint: "write the file anew with cocoon-net adopt" },
    );
  }
  return {
    bridge: config.bridge,
    gateway: file.gateway,
    subnet,
    mtu,
    platform: file.platform,
    ...(file.primaryNIC === "" ? {} : { primaryNic: file.primaryNIC }),
    secondaryNics: file.secondaryNICs,
    masquerade: true,
    noMasqueradeCidrs: [...vpcCidrsOf(file), ...prefixes(config.noMasqueradeCidr)],
    dropCidrs: prefixes(file.dropCIDRs),
    dropInternalAccess: file.dropInternalAccess,
    guestIsolation: config.guestIsolation,
    manageIptables: managesIptables(file, config),
  };
}

/** Both sources have been checked when they were read. */
const prefixes = (texts: readonly string[]): readonly Prefix[] =>
  texts.flatMap((text) => parsePrefix(text) ?? []);
