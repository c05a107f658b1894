// Platform local: a pool from flags alone, without any cloud. Decides; reads and writes nothing.

import { type Ip, ipFromNumber, ipToNumber, parseIp } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { nodePool, poolSize } from "#core/pool.ts";
import {
  type Prefix,
  containsIp,
  formatPrefix,
  hasHostBits,
  overlaps,
  parsePrefix,
  prefixLast,
} from "#core/prefix.ts";
import { type PoolFile, formatPoolFile } from "./pool-file.ts";

/** What was asked for; what is left out is taken from an existing pool of platform local, then from the defaults. */
export interface LocalRequest {
  readonly nodeName: string;
  /** CIDR notation. */
  readonly subnet?: string | undefined;
  readonly gateway?: string | undefined;
  readonly poolSize?: number | undefined;
  readonly primaryNic?: string | undefined;
  readonly bridge: string;
  readonly dns: readonly string[];
  readonly dropCidr: readonly string[];
  readonly dropInternalAccess: boolean;
  readonly manageIptables: boolean;
}

/** What the machine shows. */
export interface LocalFacts {
  /** The interface of the default route. */
  readonly defaultNic: string | undefined;
  readonly links: readonly string[];
  /** IPv4 addresses with their interfaces, loopback included. */
  readonly addresses: readonly { readonly nic: string; readonly ip: string }[];
  readonly existing: PoolFile | undefined;
}

export interface LocalPlan {
  readonly pool: PoolFile;
  /** How many addresses can be given away. */
  readonly size: number;
  readonly warnings: readonly string[];
}

/** Partial pools are listed address by address in pool.json, so that the Go version reads them. */
export const LISTED_LIMIT = 65_536;
/** Blocks that no node can own: this network, loopback, multicast and reserved (RFC 6890). */
const unusable = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"];

/** Throws a BrokerError that names the flag when the request makes no sense on this machine. */
export function planLocal(request: LocalRequest, facts: LocalFacts, now: string): LocalPlan {
  const existing = facts.existing;
  if (existing !== undefined && existing.platform !== "local") {
    throw refuse(
      `this node's pool was made for platform ${existing.platform}`,
      "run cocoon-net teardown first, then adopt again",
    );
  }
  const subnet = subnetOf(request.subnet ?? existing?.subnet, request.subnet === undefined);
  if (existing !== undefined && formatPrefix(subnet) !== existing.subnet) {
    throw refuse(
      `this node already has the pool ${existing.subnet}, not ${formatPrefix(subnet)}`,
      "keep that --subnet, or run cocoon-net teardown first",
    );
  }
  const gateway = gatewayOf(subnet, request.gateway ?? existing?.gateway);
  refuseOverlap(subnet, request.bridge, facts);
  const { ips, size } = addressesOf(subnet, gateway, request.poolSize);
  const primaryNIC = nicOf(request, facts);
  const warnings =
    primaryNIC === ""
      ? [
          "no default route: nothing is known of a primary NIC; name it with --primary-nic if there is one",
        ]
      : [];
  return {
    size,
    warnings,
    pool: {
      platform: "local",
      nodeName: request.nodeName,
      subnet: formatPrefix(subnet),
      gateway,
      primaryNIC,
      secondaryNICs: existing?.secondaryNICs ?? [],
      ips,
      eniIDs: [],
      subnetID: "",
      aliasRangeName: "",
      dnsServers: request.dns.flatMap((text) => parseIp(text) ?? []),
      dropInternalAccess: request.dropInternalAccess,
      dropCIDRs: [...request.dropCidr],
      updatedAt: now,
      manageIptables: request.manageIptables,
      extra: existing?.extra ?? {},
    },
  };
}

/** Whether two pools differ in anything but the time of writing. */
export const samePool = (one: PoolFile, other: PoolFile): boolean =>
  formatPoolFile({ ...one, updatedAt: "" }) === formatPoolFile({ ...other, updatedAt: "" });

function subnetOf(text: string | undefined, absent: boolean): Prefix {
  if (text === undefined)
    throw refuse(
      "no subnet is given",
      "name the block this node may use, for example --subnet 10.88.100.0/24",
    );
  const subnet = parsePrefix(text);
  if (subnet === undefined || hasHostBits(text))
    throw refuse(
      `${absent ? "the pool's subnet" : "--subnet"} ${text} is not a block`,
      "write it as 10.88.100.0/24",
    );
  if (subnet.family !== 4)
    throw refuse(
      `--subnet ${text} is IPv6; a node's own pool is IPv4, since guests get it by DHCP`,
      "give an IPv4 block",
    );
  if (subnet.length > 30)
    throw refuse(
      `--subnet ${text} has no address left beside the gateway`,
      "give a block of at least /30",
    );
  if (subnet.length < 8)
    throw refuse(`--subnet ${text} is larger than any node's block`, "give a block of at most /8");
  const clash = unusable.find((block) => overlapsText(subnet, block));
  if (clash !== undefined)
    throw refuse(
      `--subnet ${text} lies in ${clash}, which cannot be routed to a host`,
      "give a private block, for example 10.88.100.0/24",
    );
  return subnet;
}

const overlapsText = (subnet: Prefix, block: string): boolean => {
  const other = parsePrefix(block);
  return other !== undefined && overlaps(subnet, other);
};

function gatewayOf(subnet: Prefix, text: string | undefined): Ip {
  const gateway = text === undefined ? ipFromNumber(4, subnet.base + 1n) : parseIp(text);
  if (gateway === undefined || !containsIp(subnet, gateway))
    throw refuse(
      `--gateway ${text} does not lie in ${formatPrefix(subnet)}`,
      "choose an address of the subnet, or leave --gateway out",
    );
  const value = ipToNumber(gateway);
  if (value === subnet.base || value === prefixLast(subnet))
    throw refuse(
      `--gateway ${text} is the subnet's network or broadcast address`,
      "choose another address of the subnet, or leave --gateway out",
    );
  return gateway;
}

/** An address of the subnet on another interface would be unreachable, or make the pool's addresses so. */
function refuseOverlap(subnet: Prefix, bridge: string, facts: LocalFacts): void {
  for (const { nic, ip } of facts.addresses) {
    const address = parseIp(ip);
    if (address === undefined || nic === bridge || !containsIp(subnet, address)) continue;
    throw refuse(
      `--subnet ${formatPrefix(subnet)} holds ${ip}, which is in use on ${nic}`,
      "give a block that no interface of this machine is in",
    );
  }
}

function addressesOf(
  subnet: Prefix,
  gateway: Ip,
  wanted: number | undefined,
): { ips: readonly Ip[] | undefined; size: number } {
  const whole = nodePool({ subnet, gateway });
  const available = Number(whole.sets.reduce((sum, set) => sum + poolSize(set), 0n));
  const size = wanted ?? available;
  if (size > available)
    throw refuse(
      `--pool-size ${size} is more than the ${available} addresses of ${formatPrefix(subnet)}`,
      "give a larger --subnet or a smaller --pool-size",
    );
  if (size === available && size > LISTED_LIMIT) return { ips: undefined, size };
  if (size > LISTED_LIMIT)
    throw refuse(
      `--pool-size ${size} is part of a subnet and more than ${LISTED_LIMIT}`,
      "leave --pool-size out to use the whole subnet, or give a smaller one",
    );
  const ips: Ip[] = [];
  for (let value = subnet.base + 1n; ips.length < size; value++) {
    const ip = ipFromNumber(4, value);
    if (ip !== gateway) ips.push(ip);
  }
  return { ips, size };
}

/** Empty when the machine has no default route. */
function nicOf(request: LocalRequest, facts: LocalFacts): string {
  const nic = request.primaryNic ?? facts.defaultNic ?? "";
  if (nic === request.bridge)
    throw refuse(
      `the primary NIC ${nic} cannot be the bridge itself`,
      "name another with --primary-nic, or the bridge with --bridge",
    );
  if (request.primaryNic !== undefined && !facts.links.includes(nic))
    throw refuse(
      `--primary-nic ${nic} does not exist`,
      `this machine has: ${facts.links.join(" ")}`,
    );
  return nic;
}

const refuse = (message: string, hint: string): BrokerError =>
  new BrokerError("invalid-config", message, { hint });
