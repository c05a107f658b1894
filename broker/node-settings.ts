// pool.json and the flags as the broker uses them: the node's pool and what the node must look like.

import { parseIp } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Pool } from "#core/range.ts";
import { API_VERSION } from "#broker/api/contract.ts";
import { type DhcpSettings, dhcpSettings } from "#broker/dhcp/settings.ts";
import { provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";

/** Throws `no-pool` when the node has none yet, `provisioning-unfinished` when it is half made. */
export function requirePoolFile(file: PoolFile | undefined, path: string): PoolFile {
  if (file !== undefined) return refuseUnfinished(file);
  throw new BrokerError("no-pool", `this node has no address pool: ${path} does not exist`, {
    hint: "run cocoon-net adopt --platform local --subnet <cidr>, or cocoon-net init in a cloud",
  });
}

/** A pool that is being made or taken away may list addresses that are not ours any more. */
function refuseUnfinished(file: PoolFile): PoolFile {
  const state = provisioningOf(file)?.state;
  if (state !== "provisioning" && state !== "removing") return file;
  const command = state === "provisioning" ? "init" : "teardown";
  throw new BrokerError(
    "provisioning-unfinished",
    `cocoon-net ${command} of this node was cut off, so its addresses are not to be used`,
    { hint: `run cocoon-net ${command} again: it goes on from there` },
  );
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
export const managesIptables = (file: PoolFile, config: Pick<Config, "skipIptables">): boolean =>
  !config.skipIptables && (file.manageIptables ?? true);

/** What guests learn beside their address. */
export function dhcpSettingsOf(file: PoolFile, config: Config, mtu: number): DhcpSettings {
  const subnet = parsePrefix(file.subnet);
  if (subnet === undefined)
    throw new BrokerError("invalid-config", `${file.subnet} is not a range`);
  return dhcpSettings({
    serverId: file.gateway,
    subnet,
    leaseSeconds: config.dhcpLeaseSeconds,
    dns: file.dnsServers,
    search: config.dhcpSearch.map(String),
    ntp: config.dhcpNtp.flatMap((text) => parseIp(text) ?? []),
    mtu,
    allowRelay: config.dhcpAllowRelay,
    ...(config.dhcpDomain === undefined ? {} : { domain: config.dhcpDomain }),
  });
}

/** Who this broker is, as `status` shows it. */
export function identityOf(file: PoolFile, config: Config, bootId: string) {
  return {
    version: API_VERSION,
    bootId,
    processId: process.pid,
    platform: file.platform,
    node: file.nodeName,
    bridge: config.bridge,
  };
}

/** Better no start than one without what was asked for. */
export function refuseUnbuilt({ store }: Config): void {
  if (store === undefined) return;
  throw new BrokerError("invalid-config", `--store ${store} is not in this release`, {
    hint: "leave it out, in flags, environment and config file",
  });
}
