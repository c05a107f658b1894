// Ranges as host-local words them: part of a subnet, several to a set; one address is drawn from each set of a pool.

import {
  type Family,
  type Ip,
  familyBits,
  ipFamily,
  ipFromNumber,
  ipToNumber,
  parseIp,
} from "./address.ts";
import {
  type Prefix,
  containsPrefix,
  formatPrefix,
  hasHostBits,
  parsePrefix,
  prefixAddress,
  prefixLast,
  prefixOf,
} from "./prefix.ts";

/**
 * Inclusive at both ends; `first` and `last` leave out network and broadcast addresses where the subnet has them, except
 * for a network address that the conf names as its start, which host-local gives away too.
 */
export interface Range {
  readonly family: Family;
  readonly subnet: Prefix;
  readonly first: bigint;
  readonly last: bigint;
  /** The default gateway that results carry; never given away. */
  readonly gateway?: Ip;
  /** Blocks of the subnet that are never given away; in ascending order, none within another. */
  readonly exclude: readonly Prefix[];
}

/** Ranges of one family, none overlapping; in the order of the conf. */
export type RangeSet = readonly Range[];

/** What addresses are drawn from: the node's pool, or the ranges of one network's conf. */
export interface Pool {
  /** `node`, or `ranges of <network>`. */
  readonly name: string;
  readonly sets: readonly RangeSet[];
  /** Whether leases get a host route: only pools bound to our bridge (spec section 3). */
  readonly routed: boolean;
}

/** A range as a conf words it: addresses and blocks in text form. */
export interface RangeInput {
  readonly subnet: string;
  /** Default: the address after the network address. */
  readonly rangeStart?: string;
  /** Default: the last address, for IPv4 the one before the broadcast address. */
  readonly rangeEnd?: string;
  /** Default: the address after the network address. May lie outside the range. */
  readonly gateway?: string;
  /** Single addresses and blocks in CIDR notation. */
  readonly exclude?: readonly string[];
}

/** Reads a range; a string says what is wrong with it, in host-local's words. */
export function parseRange(input: RangeInput): Range | string {
  const subnet = parseSubnet(input.subnet);
  if (typeof subnet === "string") return subnet;
  const { family } = subnet;
  const broadcast = family === 4 ? prefixLast(subnet) : undefined;

  const first =
    input.rangeStart === undefined
      ? subnet.base + 1n
      : parseEnd("RangeStart", input.rangeStart, subnet);
  if (typeof first === "string") return first;
  let last =
    input.rangeEnd === undefined
      ? prefixLast(subnet)
      : parseEnd("RangeEnd", input.rangeEnd, subnet);
  if (typeof last === "string") return last;
  if (last === broadcast) last -= 1n;
  if (last < first)
    return `RangeStart ${ipFromNumber(family, first)} not in network ${formatPrefix(subnet)}: it lies behind the last address ${ipFromNumber(family, last)}`;

  const gateway =
    input.gateway === undefined ? ipFromNumber(family, subnet.base + 1n) : parseIp(input.gateway);
  if (gateway === undefined)
    return `invalid gateway: ${JSON.stringify(input.gateway)} is not an IP address`;
  if (ipFamily(gateway) !== family)
    return `gateway ${gateway} is not an IPv${family} address like network ${formatPrefix(subnet)}`;

  const exclude = parseExclude(input.exclude ?? [], subnet);
  return typeof exclude === "string" ? exclude : { family, subnet, first, last, gateway, exclude };
}

/** Ranges as one set; a string says why they cannot be one, in host-local's words. */
export function parseRangeSet(ranges: readonly Range[]): RangeSet | string {
  const [head] = ranges;
  if (head === undefined) return "empty range set";
  if (ranges.some((range) => range.family !== head.family)) return "mixed address families";
  for (const [index, one] of ranges.entries()) {
    const other = ranges.slice(index + 1).find((candidate) => rangesOverlap(one, candidate));
    if (other !== undefined) return `subnets ${formatRange(one)} and ${formatRange(other)} overlap`;
  }
  return ranges;
}

/** What is wrong with these sets side by side: two that share addresses. Undefined when nothing is. */
export function checkRangeSets(sets: readonly RangeSet[]): string | undefined {
  for (const [index, one] of sets.entries()) {
    for (let at = index + 1; at < sets.length; at++) {
      const shared = one.some((range) => sets[at]?.some((other) => rangesOverlap(range, other)));
      if (shared) return `range set ${index} overlaps with ${at}`;
    }
  }
  return undefined;
}

/** Whether the ranges share an address. */
export function rangesOverlap(one: Range, other: Range): boolean {
  return one.family === other.family && one.first <= other.last && other.first <= one.last;
}

/** Whether the address lies from the range's first to its last, excluded or not. */
export function rangeContains(range: Range, ip: Ip): boolean {
  return rangeFor([range], ip) !== undefined;
}

/** The range of the set from whose first to last the address lies, excluded or not. */
export function rangeFor(set: RangeSet, ip: Ip): Range | undefined {
  const family = ipFamily(ip);
  const value = ipToNumber(ip);
  return set.find(
    (range) => range.family === family && range.first <= value && value <= range.last,
  );
}

/** `first-last` */
export const formatRange = (range: Range): string =>
  `${ipFromNumber(range.family, range.first)}-${ipFromNumber(range.family, range.last)}`;

/** How many ranges of a set a message lists: scattered pools have hundreds. */
const MAX_DESCRIBED_RANGES = 16;

/** The set for messages: its ranges, with a comma between them. */
export function describeSet(set: RangeSet): string {
  const listed = set.slice(0, MAX_DESCRIBED_RANGES).map(formatRange).join(",");
  const more = set.length - MAX_DESCRIBED_RANGES;
  return more > 0 ? `${listed} and ${more} more` : listed;
}

/** Blocks of two addresses or fewer are refused: network and broadcast address would be all of it. */
function parseSubnet(text: string): Prefix | string {
  const subnet = parsePrefix(text);
  if (subnet === undefined) return `invalid CIDR address: ${text}`;
  if (subnet.length > familyBits(subnet.family) - 2)
    return `Network ${text} too small to allocate from`;
  if (hasHostBits(text)) {
    return `Network has host bits set. For a subnet mask of length ${subnet.length} the network address is ${prefixAddress(subnet)}`;
  }
  return subnet;
}

function parseEnd(name: "RangeStart" | "RangeEnd", text: string, subnet: Prefix): bigint | string {
  const ip = parseIp(text);
  if (ip === undefined) return `invalid ${name}: ${JSON.stringify(text)} is not an IP address`;
  const inside = containsPrefix(subnet, prefixOf(ip, familyBits(ipFamily(ip))));
  return inside ? ipToNumber(ip) : `${name} ${text} not in network ${formatPrefix(subnet)}`;
}

function parseExclude(texts: readonly string[], subnet: Prefix): readonly Prefix[] | string {
  const blocks: Prefix[] = [];
  for (const text of texts) {
    const single = parseIp(text);
    const block =
      single === undefined ? parsePrefix(text) : prefixOf(single, familyBits(ipFamily(single)));
    if (block === undefined)
      return `invalid exclude: ${JSON.stringify(text)} is neither an IP address nor a block in CIDR notation`;
    if (hasHostBits(text))
      return `exclude ${text} has host bits set: the block of this length is ${formatPrefix(block)}`;
    if (!containsPrefix(subnet, block))
      return `exclude ${text} not in network ${formatPrefix(subnet)}`;
    blocks.push(block);
  }
  const ordered = blocks.toSorted((one, other) =>
    one.base === other.base ? one.length - other.length : one.base < other.base ? -1 : 1,
  );
  // Two blocks are nested or apart, so in this order one that lies within another lies within the last one kept.
  const outer: Prefix[] = [];
  for (const block of ordered) {
    const before = outer.at(-1);
    if (before === undefined || !containsPrefix(before, block)) outer.push(block);
  }
  return outer;
}
