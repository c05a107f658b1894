// IPv4 and UDP headers around a payload, checksums computed in full: guests drop what a network card was to finish.

export const HEADERS_SIZE = 28;
const IP_HEADER = 20;
const UDP_HEADER = 8;
const UDP = 17;
const TTL = 64;
const DO_NOT_FRAGMENT = 0x4000;

export interface Flow {
  /** IPv4 addresses as unsigned 32-bit numbers. */
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Writes the datagram at the start of `target` (RFC 791 3.1, RFC 768) and answers with its length. */
export function writeDatagram(target: Uint8Array, flow: Flow, payload: Uint8Array): number {
  const udpLength = UDP_HEADER + payload.length;
  const length = IP_HEADER + udpLength;
  write16(target, 0, 0x4500);
  write16(target, 2, length);
  write16(target, 4, 0);
  write16(target, 6, DO_NOT_FRAGMENT);
  write16(target, 8, (TTL << 8) | UDP);
  write16(target, 10, 0);
  write32(target, 12, flow.source);
  write32(target, 16, flow.destination);
  write16(target, 10, complement(sum(target, 0, IP_HEADER, 0)));
  write16(target, 20, flow.sourcePort);
  write16(target, 22, flow.destinationPort);
  write16(target, 24, udpLength);
  write16(target, 26, 0);
  target.set(payload, HEADERS_SIZE);
  // The pseudo header is both addresses, the protocol and the length; they stand right before the UDP header.
  const checksum = complement(sum(target, 12, length, UDP + udpLength));
  // Zero would say that there is none.
  write16(target, 26, checksum === 0 ? 0xffff : checksum);
  return length;
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  write16(bytes, at, value >>> 16);
  write16(bytes, at + 2, value);
}

/** The 16-bit words from `start` to `end`, added up; an odd last byte counts as a word's upper half (RFC 1071). */
function sum(bytes: Uint8Array, start: number, end: number, initial: number): number {
  let total = initial;
  let at = start;
  for (; at + 1 < end; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if (at < end) total += (bytes[at] ?? 0) << 8;
  return total;
}

function complement(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}
