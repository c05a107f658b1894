// Which address a pool gives next, and which ones it can give at all: host-local's round robin without its walk.

import { type Ip, ipFamily, ipFromNumber, ipToNumber } from "./address.ts";
import type { Blocks } from "./blocks.ts";
import { BrokerError } from "./errors.ts";
import { type Prefix, containsIp, formatPrefix, prefixLast } from "./prefix.ts";
import { type Pool, type Range, type RangeSet, rangeFor } from "./range.ts";

/** An address and the range it comes from. */
export interface NextAddress {
  readonly ip: Ip;
  readonly range: Range;
}

/**
 * The first free address behind `after`, range by range in the order of the set, starting over once at its beginning;
 * `after` itself is tried last. Without `after`, or when it lies in none of the ranges, the search begins at the first
 * range. Gateways and excluded blocks are passed over. Undefined when nothing is free.
 */
export function nextAddress(
  set: RangeSet,
  after: Ip | undefined,
  taken: Blocks,
): NextAddress | undefined {
  const current = after === undefined ? undefined : rangeFor(set, after);
  if (after === undefined || current === undefined) return firstOf(set, taken);
  const cursor = ipToNumber(after);
  const at = set.indexOf(current);
  return (
    firstWithin(current, cursor + 1n, current.last, taken) ??
    firstOf([...set.slice(at + 1), ...set.slice(0, at)], taken) ??
    firstWithin(current, current.first, cursor, taken)
  );
}

/** The range of the set that may give the address: it is neither the gateway nor excluded. */
export function isAllocatable(set: RangeSet, ip: Ip): Range | undefined {
  const range = rangeFor(set, ip);
  if (range === undefined || range.gateway === ip) return undefined;
  return blockAt(range, ipToNumber(ip)) === undefined ? range : undefined;
}

/** How many addresses the set can give in all. */
export function poolSize(set: RangeSet): bigint {
  let size = sizes.get(set);
  if (size === undefined) {
    size = set.reduce((sum, range) => sum + rangeSize(range), 0n);
    sizes.set(set, size);
  }
  return size;
}

/** Sets never change, and every DISCOVER asks. */
const sizes = new WeakMap<RangeSet, bigint>();

/** What a node gives addresses from. */
export interface NodePoolOptions {
  readonly subnet: Prefix;
  readonly gateway: Ip;
  /** The first so many addresses of the subnet; all of it when absent. Not for `ips`. */
  readonly size?: number;
  /** The addresses that the cloud routes to this node, in any order; without them, those of the subnet. */
  readonly ips?: readonly Ip[];
}

/**
 * The node's own pool. The gateway and the subnet's network and broadcast addresses are never in it; a subnet of two
 * addresses or one has neither (RFC 3021, RFC 6164). Throws `invalid-config` for an address outside the subnet.
 */
export function nodePool({ subnet, gateway, size, ips }: NodePoolOptions): Pool {
  const whole = usable(subnet);
  const range = (first: bigint, last: bigint): Range => ({
    family: subnet.family,
    subnet,
    first,
    last,
    gateway,
    exclude: [],
  });
  const inside = containsIp(subnet, gateway) ? ipToNumber(gateway) : undefined;
  if (ips !== undefined) {
    const values = ips
      .map((ip) => memberOf(subnet, ip))
      .filter((value) => value >= whole.first && value <= whole.last && value !== inside);
    return {
      name: "node",
      sets: [runs(values).map(([first, last]) => range(first, last))],
      routed: true,
    };
  }
  let last = whole.last;
  if (size !== undefined) {
    const limit = whole.first + BigInt(size) - 1n;
    last = inside !== undefined && inside >= whole.first && inside <= limit ? limit + 1n : limit;
    if (last > whole.last) last = whole.last;
  }
  return {
    name: "node",
    sets: [last < whole.first ? [] : [range(whole.first, last)]],
    routed: true,
  };
}

function firstOf(set: RangeSet, taken: Blocks): NextAddress | undefined {
  for (const range of set) {
    const found = firstWithin(range, range.first, range.last, taken);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first free address from `first` to `last`; each round jumps over one excluded block or the gateway. */
function firstWithin(
  range: Range,
  first: bigint,
  last: bigint,
  taken: Blocks,
): NextAddress | undefined {
  let from = first;
  for (;;) {
    const value = taken.nextFree(first, last, from);
    if (value === undefined) return undefined;
    const block = blockAt(range, value);
    if (block !== undefined) {
      from = prefixLast(block) + 1n;
      continue;
    }
    const ip = ipFromNumber(range.family, value);
    if (ip !== range.gateway) return { ip, range };
    from = value + 1n;
  }
}

const blockAt = (range: Range, value: bigint): Prefix | undefined =>
  range.exclude.find((block) => block.base <= value && value <= prefixLast(block));

function rangeSize(range: Range): bigint {
  let size = range.last - range.first + 1n;
  for (const block of range.exclude) {
    const first = block.base > range.first ? block.base : range.first;
    const last = prefixLast(block) < range.last ? prefixLast(block) : range.last;
    if (last >= first) size -= last - first + 1n;
  }
  const { gateway } = range;
  const counted =
    gateway !== undefined &&
    rangeFor([range], gateway) !== undefined &&
    blockAt(range, ipToNumber(gateway)) === undefined;
  return counted ? size - 1n : size;
}

/** The subnet's addresses without network and broadcast address; IPv6 has no broadcast address. */
function usable(subnet: Prefix): { first: bigint; last: bigint } {
  const last = prefixLast(subnet);
  if (last - subnet.base < 2n) return { first: subnet.base, last };
  return { first: subnet.base + 1n, last: subnet.family === 4 ? last - 1n : last };
}

function memberOf(subnet: Prefix, ip: Ip): bigint {
  if (ipFamily(ip) === subnet.family && containsIp(subnet, ip)) return ipToNumber(ip);
  throw new BrokerError(
    "invalid-config",
    `pool address ${ip} is not in the node's subnet ${formatPrefix(subnet)}`,
    {
      hint: "correct ips or subnet in pool.json, or write it anew with cocoon-net adopt",
    },
  );
}

/** Numbers in any order, repeated or not, as ascending runs of neighbours. */
function runs(values: readonly bigint[]): [first: bigint, last: bigint][] {
  const merged: [bigint, bigint][] = [];
  for (const value of values.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0))) {
    const run = merged.at(-1);
    if (run !== undefined && value <= run[1] + 1n) run[1] = value;
    else merged.push([value, value]);
  }
  return merged;
}
