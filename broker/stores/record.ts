// Ledger records as bytes: JSON with a version number first, read back by total functions that trust nothing.

import { type LedgerRecord, type RecordKey, recordKey } from "#core/record.ts";
import { readRecordVersion1 } from "./record-version-1.ts";
import { leaseRow, readRecordVersion2 } from "./record-version-2.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** One reader for each version that was ever written; a reader answers with today's record, `undefined` when it is not one. */
const readers: ReadonlyMap<number, (value: readonly unknown[]) => LedgerRecord | undefined> =
  new Map([
    [1, ([, value]) => readRecordVersion1(value)],
    [2, readRecordVersion2],
  ]);

/** A larger version was written by a later release. */
const NEWEST_VERSION = Math.max(...readers.keys());

/** `newer`: nothing is wrong with it, as far as can be told, but that a later release wrote it. */
export type DecodedRecord =
  | { readonly record: LedgerRecord }
  | { readonly fault: string; readonly newer: boolean };

/** Leases, of which there are many, as version 2; the other kinds as version 1. */
export function encodeRecord(record: LedgerRecord): Buffer {
  const value = record.kind === "lease" ? [2, ...leaseRow(record.lease)] : [1, record];
  return Buffer.from(JSON.stringify(value));
}

/**
 * Reads what is stored under `key`, from `start` up to `end` of the bytes. Never throws: bytes that are no record, a record of an unknown version, or one that
 * belongs under another key come back as a `fault` in words.
 */
export function decodeRecord(
  key: string,
  bytes: Buffer,
  start = 0,
  end: number = bytes.length,
): DecodedRecord {
  const parsed = parseJson(bytes, start, end);
  if (!Array.isArray(parsed)) return faulty("not a list that begins with a version");
  const row: readonly unknown[] = parsed;
  const [version] = row;
  const read = typeof version === "number" ? readers.get(version) : undefined;
  if (read === undefined) {
    const newer = Number.isInteger(version) && Number(version) > NEWEST_VERSION;
    return { fault: `record version ${JSON.stringify(version)} is not known here`, newer };
  }
  const record = read(row);
  if (record === undefined) return faulty(`not a record of version ${String(version)}`);
  const expected: RecordKey = recordKey(record);
  return expected === key
    ? { record }
    : faulty(`the record belongs under ${JSON.stringify(expected)}`);
}

const faulty = (fault: string): DecodedRecord => ({ fault, newer: false });

function parseJson(bytes: Buffer, start: number, end: number): unknown {
  try {
    const text = bytes.toString("utf8", start, end);
    // Malformed UTF-8 became U+FFFD: whether it did, or the text holds one itself, the strict decoder knows.
    return JSON.parse(text.includes("\uFFFD") ? utf8.decode(bytes.subarray(start, end)) : text);
  } catch {
    // Text that cannot be read is a fault of its record, told by the caller; there is nothing more to know about it.
    return undefined;
  }
}
