// What a ready node looks like, as data (spec section 3).

import { type Ip, type Mac, ipFamily, ipToNumber, parseMac } from "#core/address.ts";
import { type Prefix, formatPrefix } from "#core/prefix.ts";
import type { NodeTable } from "./ports.ts";

export interface NodeNetwork {
  readonly bridge: string;
  readonly gateway: Ip;
  readonly subnet: Prefix;
  readonly mtu: number;
  readonly platform: "gke" | "volcengine" | "local";
  readonly primaryNic?: string;
  readonly secondaryNics: readonly string[];
  readonly masquerade: boolean;
  readonly noMasqueradeCidrs: readonly Prefix[];
  readonly dropCidrs: readonly Prefix[];
  /** Drops forwarded traffic from the bridge to the node's own subnet. */
  readonly dropInternalAccess: boolean;
  /** Guests' ports cannot talk to one another below the router. */
  readonly guestIsolation: boolean;
  readonly manageIptables: boolean;
}

export interface DesiredSysctl {
  readonly key: string;
  readonly value: number;
  /** `at-least`: raised, never lowered. */
  readonly rule: "exactly" | "at-least";
}
export interface DesiredChain {
  readonly table: NodeTable;
  /** The built-in chain whose first rule jumps to ours. */
  readonly from: string;
  readonly chain: string;
  /** As iptables-save words them, without `-A <chain>`. */
  readonly rules: readonly string[];
}
export interface DesiredNode {
  readonly bridge: { readonly name: string; readonly mac: Mac; readonly mtu: number };
  readonly gateway: { readonly ip: Ip; readonly length: number };
  /** Interfaces that are up and carry no IPv4 address. */
  readonly bareNics: readonly string[];
  readonly isolateGuests: boolean;
  readonly sysctls: readonly DesiredSysctl[];
  /** Empty when iptables are not ours to manage, and for IPv6 subnets. */
  readonly chains: readonly DesiredChain[];
}

/** Marks a bridge as made by us (its ifalias): it lives and dies with the bridge itself. */
export const BRIDGE_ALIAS = "cocoon-net";
export const FORWARD_CHAIN = "COCOON-NET-FORWARD";
export const POSTROUTING_CHAIN = "COCOON-NET-POSTROUTING";
/** Dynamic neighbours that a full /16 of guests may need; permanent ones do not count. */
const NEIGHBOUR_THRESHOLDS = [8_192, 65_536, 131_072] as const;

export function desiredNode(network: NodeNetwork): DesiredNode {
  const { bridge, gateway, subnet, mtu } = network;
  return {
    bridge: { name: bridge, mac: bridgeMac(gateway), mtu },
    gateway: { ip: gateway, length: subnet.length },
    bareNics: network.secondaryNics,
    isolateGuests: network.guestIsolation,
    sysctls: sysctlsOf(network),
    chains: network.manageIptables && subnet.family === 4 ? chainsOf(network) : [],
  };
}

/** A fixed, locally administered MAC: without one a bridge takes a port's and guests lose their gateway. */
function bridgeMac(gateway: Ip): Mac {
  const low = BigInt.asUintN(32, ipToNumber(gateway)).toString(16).padStart(8, "0");
  const octets = low.match(/../g) ?? [];
  const mac = parseMac(["02", "cc", ...octets].join(":"));
  if (mac === undefined) throw new RangeError(`no MAC follows from the gateway ${gateway}`);
  return mac;
}

function sysctlsOf(network: NodeNetwork): readonly DesiredSysctl[] {
  const { bridge, primaryNic, secondaryNics, guestIsolation } = network;
  const nics = new Set([
    "all",
    "default",
    bridge,
    ...(primaryNic === undefined ? [] : [primaryNic]),
    ...secondaryNics,
  ]);
  const exactly = (key: string, value: number): DesiredSysctl => ({ key, value, rule: "exactly" });
  return [
    exactly("net/ipv4/ip_forward", 1),
    ...[...nics].map((nic) => exactly(`net/ipv4/conf/${nic}/rp_filter`, 0)),
    ...(guestIsolation ? isolationSysctls(bridge) : []),
    ...[`ipv${ipFamily(network.gateway)}`].flatMap((family) =>
      NEIGHBOUR_THRESHOLDS.map((value, index): DesiredSysctl => ({
        key: `net/${family}/neigh/default/gc_thresh${index + 1}`,
        value,
        rule: "at-least",
      })),
    ),
  ];
}

/** The bridge answers for guests on other ports (RFC 3069), and at once: the kernel's own way is to wait up to 0.8 s. */
function isolationSysctls(bridge: string): readonly DesiredSysctl[] {
  return [
    { key: `net/ipv4/conf/${bridge}/proxy_arp_pvlan`, value: 1, rule: "exactly" },
    { key: `net/ipv4/neigh/${bridge}/proxy_delay`, value: 0, rule: "exactly" },
  ];
}

function chainsOf(network: NodeNetwork): readonly DesiredChain[] {
  return [
    { table: "filter", from: "FORWARD", chain: FORWARD_CHAIN, rules: forwardRules(network) },
    {
      table: "nat",
      from: "POSTROUTING",
      chain: POSTROUTING_CHAIN,
      rules: postroutingRules(network),
    },
  ];
}

/**
 * Drops first. Where there are secondary NICs the VPC delivers through them, and the primary one carries what guests
 * begin themselves (masqueraded) and the answers; else the primary NIC carries both ways. A FORWARD policy of DROP then
 * stops neither.
 */
function forwardRules(network: NodeNetwork): readonly string[] {
  const { bridge, primaryNic, secondaryNics } = network;
  const drops = [...network.dropCidrs, ...(network.dropInternalAccess ? [network.subnet] : [])];
  const bothWays = (nic: string) => [
    `-i ${nic} -o ${bridge} -j ACCEPT`,
    `-i ${bridge} -o ${nic} -j ACCEPT`,
  ];
  const rules = [
    ...drops.map((cidr) => `${destination(cidr)}-i ${bridge} -j DROP`),
    ...secondaryNics.flatMap(bothWays),
    `-i ${bridge} -o ${bridge} -j ACCEPT`,
  ];
  if (primaryNic === undefined) return rules;
  if (secondaryNics.length === 0) return [...rules, ...bothWays(primaryNic)];
  return [
    ...rules,
    `-i ${bridge} -o ${primaryNic} -j ACCEPT`,
    `-i ${primaryNic} -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ];
}

function postroutingRules(network: NodeNetwork): readonly string[] {
  if (!network.masquerade) return [];
  const source = `-s ${formatPrefix(network.subnet)} `;
  return [
    ...network.noMasqueradeCidrs.map((cidr) => `${source}${destination(cidr)}-j RETURN`),
    ...network.secondaryNics.map((nic) => `${source}-o ${nic} -j RETURN`),
    `${source}! -o ${network.bridge} -j MASQUERADE`,
  ];
}

/** iptables-save leaves out a destination that is everything. */
const destination = (cidr: Prefix): string =>
  cidr.length === 0 ? "" : `-d ${formatPrefix(cidr)} `;
