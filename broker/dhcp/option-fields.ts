// The option areas of a DHCP message: code, length, value (RFC 2132 2), joined and split as RFC 3396 asks.

const PAD = 0;
const END = 255;
/** What one length byte can say; longer values are written as several options of the same code (RFC 3396 5). */
const MAX_PIECE = 255;

/** One option with its whole value, however many pieces it came in. */
export interface OptionField {
  readonly code: number;
  readonly value: Uint8Array;
}
/** Values by code, in the order in which the codes were first seen. */
export type OptionMap = ReadonlyMap<number, Uint8Array>;

/**
 * Adds the options of an area to the map, joining values of one code in wire order (RFC 3396 7). A missing END is
 * accepted. Answers false for an option that does not end inside the area; then the map must not be used.
 */
export function readOptions(area: Uint8Array, into: Map<number, Uint8Array>): boolean {
  // Joined at the end: done piece by piece, many short ones would be copied once for each of them.
  let repeated: Map<number, Uint8Array[]> | undefined;
  let at = 0;
  while (at < area.length) {
    const code = area[at++];
    if (code === PAD) continue;
    if (code === undefined || code === END) break;
    const length = area[at++];
    if (length === undefined || at + length > area.length) return false;
    const piece = area.subarray(at, at + length);
    at += length;
    const before = into.get(code);
    if (before === undefined) into.set(code, piece);
    else {
      repeated ??= new Map();
      const parts = repeated.get(code) ?? [before];
      parts.push(piece);
      repeated.set(code, parts);
    }
  }
  for (const [code, parts] of repeated ?? []) into.set(code, joined(parts));
  return true;
}

/** Bytes that the option takes on the wire, lengths of all pieces included. */
export function fieldSize({ value }: OptionField): number {
  const pieces = value.length <= MAX_PIECE ? 1 : Math.ceil(value.length / MAX_PIECE);
  return value.length + 2 * pieces;
}

/** Writes the option at `at` and answers with the offset behind it; the area must have {@link fieldSize} bytes left. */
export function writeField(area: Uint8Array, at: number, { code, value }: OptionField): number {
  let offset = at;
  let start = 0;
  do {
    const length = Math.min(MAX_PIECE, value.length - start);
    area[offset] = code;
    area[offset + 1] = length;
    // Most values have four bytes, for which a loop beats a copy.
    for (let index = 0; index < length; index++)
      area[offset + 2 + index] = value[start + index] ?? 0;
    offset += 2 + length;
    start += length;
  } while (start < value.length);
  return offset;
}

export const END_OPTION = END;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
