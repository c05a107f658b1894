// Damage that knows nothing of what it damages: bytes and text flipped, cut, repeated, joined with another's tail.

import type { Random } from "#test/torture/random.ts";

/** Values at which lengths, counters and signs turn over. */
const TURNING_BYTES = [0, 1, 2, 4, 6, 8, 0x7f, 0x80, 0xfe, 0xff] as const;
/** What parsers of text trip over. */
const WORDS = [
  "\0",
  "\u2028",
  "\ud800",
  "😀",
  "{",
  "}",
  "[",
  "]",
  '"',
  "\\",
  ",",
  ":",
  "null",
  "true",
  "-1",
  "1e309",
  "0.1",
  "18446744073709551616",
  "__proto__",
  "%",
  "%00",
  "../",
  "\r\n",
  "'",
] as const;
/** Repeats of one piece at most, and bytes that a mutation may add. */
const MAX_REPEATS = 40;
const MAX_PIECE = 64;

/** The same bytes with one small damage. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = random.below(Math.max(1, copy.length));
  const piece = copy.subarray(at, at + 1 + random.below(MAX_PIECE));
  switch (random.below(6)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    case 1:
      copy[at] = random.pick(TURNING_BYTES);
      return copy;
    case 2:
      copy[at] = random.below(256);
      return copy;
    case 3:
      return joined(copy.subarray(0, at), copy.subarray(at + piece.length));
    case 4:
      return joined(copy.subarray(0, at), piece, copy.subarray(at));
    default:
      return joined(copy.subarray(0, at), randomBytes(random, random.below(9)), copy.subarray(at));
  }
}

/** The same text with one small damage; `other` lends its tail. */
export function mutateText(text: string, other: string, random: Random): string {
  const at = random.below(text.length + 1);
  const length = 1 + random.below(MAX_PIECE);
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + random.pick(WORDS) + text.slice(at);
    case 1:
      return text.slice(0, at) + random.pick(WORDS) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(at + length);
    case 3:
      return (
        text.slice(0, at) +
        text.slice(at, at + length).repeat(1 + random.below(MAX_REPEATS)) +
        text.slice(at)
      );
    case 4:
      return text.slice(0, at) + other.slice(random.below(other.length + 1));
    default:
      return text.slice(0, at) + String.fromCharCode(random.below(0x100)) + text.slice(at + 1);
  }
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}
