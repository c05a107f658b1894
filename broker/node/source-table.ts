// The nftables table that lets a guest's port of the bridge send only as that guest, as text, and what nft lists of it.

import type { Ip, Mac } from "#core/address.ts";
import type { NodeLink } from "./ports.ts";

/** Of the family bridge; ours by its name. */
export const SOURCE_TABLE = "cocoon-net";

/** Ports of bridges, by index, in order. */
export interface BridgePorts {
  /** The taps on our bridge, with and without a guest. */
  readonly taps: readonly number[];
  /** Other bridges' ports: none of our business. */
  readonly elsewhere: readonly number[];
}
export interface BoundGuest {
  /** Index of its port. */
  readonly port: number;
  readonly mac: Mac;
  /** Its IPv4 addresses. */
  readonly ips: readonly Ip[];
}
export interface SourceRules extends BridgePorts {
  readonly bound: readonly BoundGuest[];
  /** Addresses that are given to a MAC whose port is not known yet. */
  readonly waiting: readonly { readonly mac: Mac; readonly ip: Ip }[];
}

/** Before every other filter of the bridge, and before it learns where a MAC is. */
const PRIORITY = -350;
const ARP_OF_IPV4 = "arp htype 1 arp ptype ip arp hlen 6 arp plen 4";
const FIRST_WORDS = "ip saddr 0.0.0.0 udp sport 68 udp dport 67";

/**
 * Text for `nft -f -`: replaces the table in one transaction. A port that has its guest sends as that guest alone; a tap
 * that has none yet may ask for an address, or use one that was given and has no port. Other ports (containers') may do
 * what they like but speak with a guest's MAC.
 */
export function sourceTableText({ taps, elsewhere, bound, waiting }: SourceRules): string {
  const macs = bound.map(({ port, mac }) => `${port} . ${mac}`);
  const addresses = bound.flatMap(({ port, mac, ips }) =>
    ips.map((ip) => `${port} . ${mac} . ${ip}`),
  );
  return [
    `table bridge ${SOURCE_TABLE}`,
    `delete table bridge ${SOURCE_TABLE}`,
    `table bridge ${SOURCE_TABLE} {`,
    set("elsewhere", "iface_index", elsewhere.map(String)),
    set("taps", "iface_index", taps.map(String)),
    set("ports", "iface_index", [...new Set(bound.map(({ port }) => String(port)))]),
    set("taken", "ether_addr", [...new Set(bound.map(({ mac }) => mac))]),
    set("macs", "iface_index . ether_addr", macs),
    set("addresses", "iface_index . ether_addr . ipv4_addr", addresses),
    set(
      "waiting",
      "ether_addr . ipv4_addr",
      waiting.map(({ mac, ip }) => `${mac} . ${ip}`),
    ),
    chain("sources", [
      `type filter hook prerouting priority ${PRIORITY}; policy accept;`,
      "iif @elsewhere accept",
      "iif . ether saddr @macs goto guest",
      "ether saddr @taken counter drop",
      "iif @ports counter drop",
      "iif @taps goto stranger",
    ]),
    chain("guest", [
      "iif . ether saddr . ip saddr @addresses accept",
      `${FIRST_WORDS} accept`,
      `${ARP_OF_IPV4} iif . arp saddr ether . arp saddr ip @addresses accept`,
      `${ARP_OF_IPV4} iif . arp saddr ether @macs arp saddr ip 0.0.0.0 accept`,
      "ether type ip6 accept",
      "counter drop",
    ]),
    chain("stranger", [
      `${FIRST_WORDS} accept`,
      "ether saddr . ip saddr @waiting accept",
      `${ARP_OF_IPV4} ether saddr . arp saddr ip @waiting arp saddr ether . arp saddr ip @waiting accept`,
      "counter drop",
    ]),
    "}",
    "",
  ].join("\n");
}

/** Which ports the table is about, read off the links of this machine. */
export function bridgePorts(links: readonly NodeLink[], bridge: string): BridgePorts {
  const ours = links.find((link) => link.name === bridge)?.index;
  const bridges = new Set(links.filter(({ kind }) => kind === "bridge").map(({ index }) => index));
  const ports = links.filter(({ master }) => master !== undefined && bridges.has(master));
  const indexes = (chosen: readonly NodeLink[]) =>
    chosen.map(({ index }) => index).toSorted((one, other) => one - other);
  return {
    taps: indexes(ports.filter(({ master, kind }) => master === ours && kind === "tun")),
    elsewhere: indexes(ports.filter(({ master }) => master !== ours)),
  };
}

/** What nft lists of the table (`nft -j`), without handles, counts and the order of sets: equal for equal tables. */
export function sourceTablePrint(listing: string): string {
  return JSON.stringify(objectsOf(listing).map((object) => plain(object)));
}

/** The ports and MACs that the listed table lets through, ports by name or, where the interface is gone, by index. */
export function boundIn(
  listing: string,
): readonly { readonly port: string; readonly mac: string }[] {
  for (const object of objectsOf(listing)) {
    const { set: found } = object as { set?: { name?: unknown; elem?: unknown } };
    if (found?.name !== "macs" || !Array.isArray(found.elem)) continue;
    return found.elem.flatMap((element: { concat?: unknown }) => {
      const [port, mac] = Array.isArray(element.concat) ? element.concat : [];
      return port === undefined || typeof mac !== "string" ? [] : [{ port: String(port), mac }];
    });
  }
  return [];
}

function objectsOf(listing: string): readonly object[] {
  const { nftables } = JSON.parse(listing) as { nftables?: unknown };
  return Array.isArray(nftables)
    ? nftables.filter((object: object) => !("metainfo" in object))
    : [];
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key]) => key !== "handle" && key !== "packets" && key !== "bytes")
    .map(([key, inner]) => [key, key === "elem" ? sorted(inner) : plain(inner)]);
  return Object.fromEntries(entries);
}

const sorted = (elements: unknown): readonly string[] =>
  (Array.isArray(elements) ? elements : [elements]).map((one) => JSON.stringify(one)).toSorted();

const set = (name: string, type: string, elements: readonly string[]): string =>
  elements.length === 0
    ? `  set ${name} { type ${type}; }`
    : `  set ${name} { type ${type}; elements = { ${elements.join(", ")} }; }`;

const chain = (name: string, rules: readonly string[]): string =>
  [`  chain ${name} {`, ...rules.map((rule) => `    ${rule}`), "  }"].join("\n");
