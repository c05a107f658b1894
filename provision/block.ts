// The block of addresses that a node is given: what may be one, its gateway, and which of its addresses are used.

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

/** Partial pools are listed address by address in pool.json, so that the Go version reads them. */
export const LISTED_LIMIT = 65_536;
/** Blocks that no node can own: this network, loopback, multicast and reserved (RFC 6890). */
const unusable = ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"];

/** An IPv4 address of one of the machine's interfaces. */
export interface NicAddress {
  readonly nic: string;
  readonly ip: string;
}

/** The block of `--subnet`, or of the existing pool when `absent`. Throws `invalid-config`. */
export function subnetOf(text: string | undefined, absent: boolean): Prefix {
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

/** The first address of the subnet unless one is named. Throws `invalid-config`. */
export function gatewayOf(subnet: Prefix, text: string | undefined): Ip {
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
export function refuseOverlap(
  subnet: Prefix,
  bridge: string,
  addresses: readonly NicAddress[],
): void {
  for (const { nic, ip } of addresses) {
    const address = parseIp(ip);
    if (address === undefined || nic === bridge || !containsIp(subnet, address)) continue;
    throw refuse(
      `--subnet ${formatPrefix(subnet)} holds ${ip}, which is in use on ${nic}`,
      "give a block that no interface of this machine is in",
    );
  }
}

/** How many addresses of the block can be given away. */
export function usableAddresses(subnet: Prefix, gateway: Ip): number {
  const whole = nodePool({ subnet, gateway });
  return Number(whole.sets.reduce((sum, set) => sum + poolSize(set), 0n));
}

/** The lowest `wanted` addresses; `undefined` stands for a whole subnet too large to be listed. Throws `invalid-config`. */
export function addressesOf(
  subnet: Prefix,
  gateway: Ip,
  wanted: number | undefined,
): { ips: readonly Ip[] | undefined; size: number } {
  const available = usableAddresses(subnet, gateway);
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

export const refuse = (message: string, hint: string): BrokerError =>
  new BrokerError("invalid-config", message, { hint });
