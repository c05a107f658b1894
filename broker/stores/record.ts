// Ledger records as bytes: JSON with a version number first, read back by total functions that trust nothing.

import { type LedgerRecord, type RecordKey, recordKey } from "#core/record.ts";
import { readRecordVersion1 } from "./record-version-1.ts";

/** The version that {@link encodeRecord} writes. */
export const RECORD_VERSION = 1;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** One reader for each version that was ever written; a reader answers with today's record, `undefined` when it is not one. */
const readers: ReadonlyMap<unknown, (value: unknown) => LedgerRecord | undefined> = new Map([
  [1, readRecordVersion1],
]);

export type DecodedRecord = { readonly record: LedgerRecord } | { readonly fault: string };

export function encodeRecord(record: LedgerRecord): Buffer {
  return Buffer.from(JSON.stringify([RECORD_VERSION, record]));
}

/**
 * Reads what is stored under `key`. Never throws: bytes that are no record, a record of an unknown version, or one that
 * belongs under another key come back as a `fault` in words.
 */
export function decodeRecord(key: string, bytes: Uint8Array): DecodedRecord {
  const parsed = parseJson(bytes);
  if (!Array.isArray(parsed) || parsed.length !== 2) return { fault: "not [version, record]" };
  const [version, value]: readonly unknown[] = parsed;
  const read = readers.get(version);
  if (read === undefined)
    return { fault: `record version ${JSON.stringify(version)} is not known here` };
  const record = read(value);
  if (record === undefined) return { fault: `not a record of version ${String(version)}` };
  const expected: RecordKey = recordKey(record);
  return expected === key
    ? { record }
    : { fault: `the record belongs under ${JSON.stringify(expected)}` };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // Text that cannot be read is a fault of its record, told by the caller; there is nothing more to know about it.
    return undefined;
  }
}
