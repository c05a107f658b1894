// pool.json and the flags as the broker uses them: the node's pool and what the node must look like.

import { parseIp } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Pool } from "#core/range.ts";
import { API_VERSION } from "#broker/api/contract.ts";
import { type DhcpSettings, dhcpSettings } from "#broker/dhcp/settings.ts";
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
