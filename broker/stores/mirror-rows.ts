// The rows of leases.json as text: an array of {mac, ip, expiry}, expiry in RFC 3339.

import { parseIp, parseMac } from "#core/address.ts";
import type { MirrorEntry } from "#core/ports.ts";
import type { Millis } from "#core/time.ts";
import { type Steps, atOnce } from "#core/turns.ts";

/** Faults that are told in words; the rest is counted. */
const MAX_FAULTS_TOLD = 5;

export interface MirrorRows {
  readonly entries: readonly MirrorEntry[];
  /** What was left out, at most a handful of lines. */
  readonly faults: readonly string[];
}

/** Total on any bytes: what is no row becomes a fault. A Go version without leases writes `null`. */
export function decodeMirror(bytes: Uint8Array): MirrorRows {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return {
      entries: [],
      faults: [`not JSON: ${error instanceof Error ? error.message : "unreadable"}`],
    };
  }
  if (parsed === null) return { entries: [], faults: [] };
  if (!Array.isArray(parsed)) return { entries: [], faults: ["not a list of leases"] };
  const rows: readonly unknown[] = parsed;
  const entries: MirrorEntry[] = [];
  const faults: string[] = [];
  for (const [index, row] of rows.entries()) {
    const entry = readRow(row);
    if (typeof entry === "string") faults.push(`row ${index}: ${entry}`);
    else entries.push(entry);
  }
  const more = faults.length - MAX_FAULTS_TOLD;
  return {
    entries,
    faults: more > 0 ? [...faults.slice(0, MAX_FAULTS_TOLD), `and ${more} more`] : faults,
  };
}

/** Rows of one piece: some 64 KiB, made in about half a millisecond. */
export const PIECE_ROWS = 640;

/** One row a line, so that people can read and compare it. The same entries always give the same pieces of text. */
export function* mirrorText(entries: readonly MirrorEntry[]): Steps<readonly Buffer[]> {
  if (entries.length === 0) return [Buffer.from("[]\n")];
  const format = createTimeFormat();
  const pieces: Buffer[] = [];
  for (let start = 0; start < entries.length; start += PIECE_ROWS) {
    if (start > 0) yield;
    // JSON as JSON.stringify writes it: none of the three has a character that must be escaped.
    const rows = entries
      .slice(start, start + PIECE_ROWS)
      .map(({ mac, ip, expiry }) => `{"mac":"${mac}","ip":"${ip}","expiry":"${format(expiry)}"}`);
    const head = start === 0 ? "[\n  " : ",\n  ";
    const tail = start + PIECE_ROWS < entries.length ? "" : "\n]\n";
    pieces.push(Buffer.from(`${head}${rows.join(",\n  ")}${tail}`, "latin1"));
  }
  return pieces;
}

/** {@link mirrorText} in one. */
export const encodeMirror = (entries: readonly MirrorEntry[]): string =>
  Buffer.concat(atOnce(mirrorText(entries))).toString("latin1");

function readRow(row: unknown): MirrorEntry | string {
  if (typeof row !== "object" || row === null) return "not an object";
  const fields = new Map<string, unknown>(Object.entries(row));
  const mac = parseMac(textOf(fields.get("mac")));
  if (mac === undefined) return `mac ${shown(fields.get("mac"))} is no MAC address`;
  const ip = parseIp(textOf(fields.get("ip")));
  if (ip === undefined) return `ip ${shown(fields.get("ip"))} is no IP address`;
  const expiry = parseTime(textOf(fields.get("expiry")));
  if (expiry === undefined) return `expiry ${shown(fields.get("expiry"))} is no RFC 3339 time`;
  return { mac, ip, expiry };
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const shown = (value: unknown): string => (JSON.stringify(value) ?? "(missing)").slice(0, 60);

const MINUTE = 60_000;

/** RFC 3339 in UTC. Leases end close to one another: the text up to the minute is kept from the time before. */
function createTimeFormat(): (time: Millis) => string {
  let minute = Number.NaN;
  let upToMinute = "";
  return (time) => {
    const rest = ((time % MINUTE) + MINUTE) % MINUTE;
    if (time - rest !== minute) {
      minute = time - rest;
      upToMinute = new Date(minute).toISOString().slice(0, -"00.000Z".length);
    }
    const seconds = Math.floor(rest / 1_000);
    const fraction = rest % 1_000;
    const tail = fraction === 0 ? "" : `.${String(fraction).padStart(3, "0")}`;
    return `${upToMinute}${seconds < 10 ? "0" : ""}${seconds}${tail}Z`;
  };
}

/** RFC 3339 section 5.6, with as many digits of a second as Go writes (up to 9; what is below a millisecond is cut). */
function parseTime(text: string): Millis | undefined {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text);
  if (parts === null) return undefined;
  const [, seconds = "", fraction = "", zone = ""] = parts;
  const time = Date.parse(`${seconds}.${fraction.padEnd(3, "0").slice(0, 3)}${zone}`.toUpperCase());
  return Number.isNaN(time) ? undefined : time;
}
