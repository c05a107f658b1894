// IP and MAC addresses as canonical text: parse once at an edge, compare and index as strings inside.

declare const brand: unique symbol;

/** Canonical text of an IPv4 (RFC 791 dotted quad) or IPv6 (RFC 5952) address. */
export type Ip = string & { readonly [brand]: "Ip" };
/** Lower-case colon form of a 48-bit MAC address, for example `02:00:0a:4d:00:05`. */
export type Mac = string & { readonly [brand]: "Mac" };
export type Family = 4 | 6;

/** Number of address bits of a family. */
export const familyBits = (family: Family): number => (family === 4 ? 32 : 128);

/** Reads an IPv4 or IPv6 address; `undefined` for anything else (leading zeros, zones and prefixes are refused). */
export function parseIp(text: string): Ip | undefined {
  if (text.includes(":")) {
    const value = parseIpv6(text);
    return value === undefined ? undefined : ipFromNumber(6, value);
  }
  const value = parseIpv4(text);
  return value === undefined ? undefined : ipv4FromUint(value);
}

/** Whether the text is an address in the form that {@link parseIp} answers with. */
export const isIp = (text: string): text is Ip =>
  text.includes(":") ? parseIp(text) === text : parseIpv4(text) !== undefined;

/** Like {@link parseIp} for text that is known to be an address; throws a RangeError that names it otherwise. */
export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
  return parsed;
}

export const ipFamily = (address: Ip): Family => (address.includes(":") ? 6 : 4);

/** The address as an unsigned integer of 32 or 128 bits. */
export function ipToNumber(address: Ip): bigint {
  return ipFamily(address) === 4 ? BigInt(ipv4ToUint(address)) : (parseIpv6(address) ?? 0n);
}

/** Inverse of {@link ipToNumber}; `value` is taken modulo the family's width. */
export function ipFromNumber(family: Family, value: bigint): Ip {
  if (family === 4) return ipv4FromUint(Number(BigInt.asUintN(32, value)));
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn));
  return formatIpv6(groups);
}

/** The IPv4 address as a number from 0 to 2^32 - 1. */
export function ipv4ToUint(address: Ip): number {
  let value = 0;
  let octet = 0;
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index);
    if (code === 46) {
      value = value * 256 + octet;
      octet = 0;
    } else octet = octet * 10 + code - 48;
  }
  return value * 256 + octet;
}

export function ipv4FromUint(value: number): Ip {
  const text = `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
  return text as Ip;
}

/** Reads six hexadecimal octets separated by `:` or `-`; `undefined` for anything else. */
export function parseMac(text: string): Mac | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return text.toLowerCase().replaceAll("-", ":") as Mac;
}

/** Six octets as a MAC address. */
export function macFromBytes(bytes: Uint8Array): Mac {
  let text = hexadecimal[bytes[0] ?? 0] ?? "";
  for (let index = 1; index < 6; index++) text += `:${hexadecimal[bytes[index] ?? 0]}`;
  return text as Mac;
}

/** Two digits for each octet: every DHCP packet names a MAC. */
const hexadecimal: readonly string[] = Array.from({ length: 256 }, (_, octet) =>
  octet.toString(16).padStart(2, "0"),
);

/** Digit by digit: every reply and every neighbour entry has a MAC. */
export function macToBytes(mac: Mac): Uint8Array {
  const bytes = new Uint8Array(6);
  for (let index = 0; index < 6; index++)
    bytes[index] = digitOf(mac, index * 3) * 16 + digitOf(mac, index * 3 + 1);
  return bytes;
}

function digitOf(mac: Mac, at: number): number {
  const code = mac.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}

/** Digit by digit: tens of thousands of addresses are read at start. */
function parseIpv4(text: string): number | undefined {
  let value = 0;
  let octet: number | undefined;
  let dots = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (digit === DOT) {
      if (octet === undefined) return undefined;
      value = value * 256 + octet;
      octet = undefined;
      dots++;
    } else {
      // A zero stands alone.
      if (digit < 0 || digit > 9 || octet === 0) return undefined;
      octet = (octet ?? 0) * 10 + digit;
      if (octet > 255) return undefined;
    }
  }
  return dots === 3 && octet !== undefined ? value * 256 + octet : undefined;
}

/** A dot's distance from the digit 0. */
const DOT = -2;

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "", true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** Groups of one half; the last group of the whole address may be an embedded IPv4 address (RFC 4291 2.2). */
function parseGroups(half: string, last: boolean): number[] | undefined {
  if (half === "") return [];
  const parts = half.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.includes(".")) {
      const embedded = last && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (embedded === undefined) return undefined;
      groups.push(embedded >>> 16, embedded & 0xffff);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`. */
function formatIpv6(groups: readonly number[]): Ip {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (best.start < 0) return hex(groups) as Ip;
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}` as Ip;
}
