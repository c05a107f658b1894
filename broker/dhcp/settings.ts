// What the DHCP server is told: who it is, which subnet it serves and what guests learn beside their address.

import { type Ip, ipFamily } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import type { Prefix } from "#core/prefix.ts";
import type { ClasslessRoute } from "./classless-routes.ts";
import { hostName } from "./domain-names.ts";

export interface DhcpSettings {
  /** The gateway: the bridge's address, source of every reply, option 54 and default router. */
  readonly serverId: Ip;
  /** IPv4; gives the netmask. */
  readonly subnet: Prefix;
  /** Lease time of a guest that asks for none, in seconds. */
  readonly leaseSeconds: number;
  /** What a guest asks for is brought into these bounds. 0xffffffff as maximum allows leases without end. */
  readonly minLeaseSeconds: number;
  readonly maxLeaseSeconds: number;
  readonly dns: readonly Ip[];
  readonly domain?: string;
  readonly search: readonly string[];
  readonly ntp: readonly Ip[];
  /** MTU of the bridge, in bytes. */
  readonly mtu: number;
  /** Routes beside the default route (options 121 and 249). */
  readonly routes: readonly ClasslessRoute[];
  /** RFC 4039: a DISCOVER that asks for it is answered with an ACK. */
  readonly rapidCommit: boolean;
  /** Whether requests with a relay's address are answered. */
  readonly allowRelay: boolean;
  /** Whether the server is alone on its bridge, so that a guest with a foreign address is told so (NAK). */
  readonly authoritative: boolean;
}

/** A lease without end (RFC 2131 3.3). */
export const FOREVER = 0xffffffff;
export const ETHERNET_MTU = 1_500;
const DEFAULT_LEASE_SECONDS = 86_400;
const MIN_LEASE_SECONDS = 120;

/**
 * The settings with everything that was left out. IPv6 servers are left out too: DHCPv4 cannot name them.
 * Throws `invalid-config` for names that have no wire form.
 */
export function dhcpSettings(
  given: Pick<DhcpSettings, "serverId" | "subnet"> & Partial<DhcpSettings>,
): DhcpSettings {
  const leaseSeconds = given.leaseSeconds ?? DEFAULT_LEASE_SECONDS;
  for (const name of [
    ...(given.search ?? []),
    ...(given.domain === undefined ? [] : [given.domain]),
  ]) {
    if (hostName(name) !== undefined) continue;
    throw new BrokerError(
      "invalid-config",
      `${JSON.stringify(name)} is no domain name that DHCP can carry`,
      {
        hint: "use letters, digits and hyphens, at most 63 between dots and 253 in all",
      },
    );
  }
  return {
    minLeaseSeconds: Math.min(MIN_LEASE_SECONDS, leaseSeconds),
    maxLeaseSeconds: leaseSeconds,
    search: [],
    mtu: ETHERNET_MTU,
    routes: [],
    rapidCommit: true,
    allowRelay: false,
    authoritative: true,
    ...given,
    leaseSeconds,
    dns: (given.dns ?? []).filter((ip) => ipFamily(ip) === 4),
    ntp: (given.ntp ?? []).filter((ip) => ipFamily(ip) === 4),
  };
}
