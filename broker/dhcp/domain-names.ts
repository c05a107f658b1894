// Domain names in DNS wire form: the search list (RFC 3397, compressed as RFC 1035 4.1.4) and host names.

import type { Shape } from "./option-shapes.ts";

const MAX_LABEL = 63;
const MAX_NAME = 253;
const POINTER = 0xc0;

/** Names without a trailing dot. Reading gives undefined when any of them is damaged or not a host name. */
export const domainList: Shape<readonly string[]> = {
  decode(bytes) {
    const names: string[] = [];
    let at = 0;
    while (at < bytes.length) {
      const read = readName(bytes, at);
      if (read === undefined || read.labels.length === 0) return undefined;
      names.push(read.labels.join("."));
      at = read.next;
    }
    return names.length === 0 ? undefined : names;
  },
  encode(names) {
    const bytes: number[] = [];
    const offsets = new Map<string, number>();
    for (const name of names) writeName(bytes, offsets, name);
    return Uint8Array.from(bytes);
  },
};

/** One name in wire form without compression, as option 81 carries it (RFC 4702 2.3.1); a final zero may be missing. */
export function readWireName(bytes: Uint8Array): string | undefined {
  const labels: string[] = [];
  let at = 0;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    if (length > MAX_LABEL || at + 1 + length > bytes.length) return undefined;
    labels.push(lettersOf(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return hostName(labels.join("."));
}

/** The text when it is a host name (letters, digits, hyphen, underscore; RFC 1123 2.1 lengths), else undefined. */
export function hostName(name: string): string | undefined {
  const trimmed = name.endsWith(".") ? name.slice(0, -1) : name;
  if (trimmed.length === 0 || trimmed.length > MAX_NAME) return undefined;
  return trimmed.split(".").every(isLabel) ? trimmed : undefined;
}

const isLabel = (label: string): boolean => /^[A-Za-z0-9_-]{1,63}$/.test(label);

function lettersOf(bytes: Uint8Array): string {
  let letters = "";
  for (const code of bytes) letters += String.fromCharCode(code);
  return letters;
}

/** Every pointer must go backwards, so that reading ends. */
function readName(
  bytes: Uint8Array,
  start: number,
): { labels: string[]; next: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let next: number | undefined;
  let lowest = start;
  let size = 0;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { labels, next: next ?? at + 1 };
    if (length >= POINTER) {
      const target = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      if (at + 1 >= bytes.length || target >= lowest) return undefined;
      next ??= at + 2;
      lowest = target;
      at = target;
      continue;
    }
    size += length + 1;
    const label = lettersOf(bytes.subarray(at + 1, at + 1 + length));
    if (size > MAX_NAME + 1 || at + 1 + length > bytes.length || !isLabel(label)) return undefined;
    labels.push(label);
    at += 1 + length;
  }
}

function writeName(bytes: number[], offsets: Map<string, number>, name: string): void {
  const labels = name.toLowerCase().split(".");
  for (let index = 0; index < labels.length; index++) {
    const rest = labels.slice(index).join(".");
    const known = offsets.get(rest);
    if (known !== undefined) {
      bytes.push(POINTER | (known >>> 8), known & 0xff);
      return;
    }
    // A pointer has 14 bits.
    if (bytes.length < 0x4000) offsets.set(rest, bytes.length);
    const label = labels[index] ?? "";
    bytes.push(label.length, ...Array.from(label, (letter) => letter.charCodeAt(0)));
  }
  bytes.push(0);
}
