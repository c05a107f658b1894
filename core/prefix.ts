// A block of addresses in CIDR notation: the unit of every pool, subnet and route.

import {
  type Family,
  type Ip,
  familyBits,
  ipFamily,
  ipFromNumber,
  ipToNumber,
  parseIp,
} from "./address.ts";

/** All addresses that share the first `length` bits of `base`; `base` has no bit set behind them. */
export interface Prefix {
  readonly family: Family;
  readonly base: bigint;
  /** 0 to 32 (IPv4) or 0 to 128 (IPv6). */
  readonly length: number;
}

/** Reads `address/length`. Host bits are cut off; {@link hasHostBits} tells whether there were any. */
export function parsePrefix(text: string): Prefix | undefined {
  const parts = splitPrefix(text);
  return parts === undefined ? undefined : prefixOf(parts.address, parts.length);
}

/** Whether the address part of `address/length` has bits set behind the prefix. */
export function hasHostBits(text: string): boolean {
  const parts = splitPrefix(text);
  return (
    parts !== undefined && prefixOf(parts.address, parts.length).base !== ipToNumber(parts.address)
  );
}

/** The prefix of the given length that contains the address. */
export function prefixOf(address: Ip, length: number): Prefix {
  const family = ipFamily(address);
  const hostBits = BigInt(familyBits(family) - length);
  return { family, base: (ipToNumber(address) >> hostBits) << hostBits, length };
}

export const formatPrefix = (prefix: Prefix): string => `${prefixAddress(prefix)}/${prefix.length}`;

/** The network address. */
export const prefixAddress = (prefix: Prefix): Ip => ipFromNumber(prefix.family, prefix.base);

/** How many addresses the block holds, network and broadcast included. */
export const prefixSize = (prefix: Prefix): bigint =>
  1n << BigInt(familyBits(prefix.family) - prefix.length);

/** The highest address as a number (the broadcast address for IPv4). */
export const prefixLast = (prefix: Prefix): bigint => prefix.base + prefixSize(prefix) - 1n;

export function containsIp(prefix: Prefix, address: Ip): boolean {
  if (ipFamily(address) !== prefix.family) return false;
  const value = ipToNumber(address);
  return value >= prefix.base && value <= prefixLast(prefix);
}

export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.family === inner.family &&
    outer.base <= inner.base &&
    prefixLast(inner) <= prefixLast(outer)
  );
}

export function overlaps(one: Prefix, other: Prefix): boolean {
  return containsPrefix(one, other) || containsPrefix(other, one);
}

/** The netmask as an address, for example 255.255.255.0. */
export function netmask(prefix: Prefix): Ip {
  const bits = BigInt(familyBits(prefix.family));
  const hostBits = bits - BigInt(prefix.length);
  return ipFromNumber(prefix.family, ((1n << bits) - 1n) ^ ((1n << hostBits) - 1n));
}

function splitPrefix(text: string): { address: Ip; length: number } | undefined {
  const slash = text.indexOf("/");
  if (slash < 0 || !/^(0|[1-9][0-9]{0,2})$/.test(text.slice(slash + 1))) return undefined;
  const address = parseIp(text.slice(0, slash));
  const length = Number(text.slice(slash + 1));
  if (address === undefined || length > familyBits(ipFamily(address))) return undefined;
  return { address, length };
}
