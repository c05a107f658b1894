// What an existing ledger holds, and the way out when it is damaged: put aside, whatever can be read carried over.

import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { BrokerError } from "#core/errors.ts";
import type { LoadedLedger } from "#core/ports.ts";
import type { LedgerRecord } from "#core/record.ts";
import { syncFolder } from "./folder.ts";
import { isRelaxed, settleRelaxed } from "./lmdb-environment.ts";
import { type VisitEntry, checkLmdbFile } from "./lmdb-file.ts";
import { decodeRecord } from "./record.ts";

/** Faults that are told in words; the others are counted. */
const MAX_FAULTS_TOLD = 5;
/** Holds why a ledger was begun anew, until the first commit settles it. No record's key has this form. */
export const BEGUN = "begun";
export const BEGUN_KEY = Buffer.from(BEGUN);

export const formatBegun = ({ aside = "", detail = "" }: LoadedLedger): Buffer =>
  Buffer.from(`${aside}\n${detail}`);

/**
 * What the ledger at `path` holds; `undefined` when there is none. A damaged one is put aside, so that nothing is left at
 * `path`. Reads the file itself, in the pass that checks it: LMDB's map stays out of memory.
 * Throws `unsupported-version`, and leaves everything as it is, when the one fault is that a later release wrote it.
 */
export async function readExisting(path: string): Promise<LoadedLedger | undefined> {
  if (!statSync(path).isDirectory()) {
    const detail = "a file where the ledger's folder belongs";
    return { condition: "damaged", records: [], detail, aside: putAside(path) };
  }
  if (!existsSync(join(path, "data.mdb"))) return undefined;
  if (isRelaxed(path) && canBeSettled(path)) await settleRelaxed(path);
  const reading = new Reading();
  const fault = checkLmdbFile(path, "newest", reading.visit);
  if (fault !== undefined) reading.faults.unshift(fault);
  if (reading.faults.length > 0 && reading.faults.length === reading.newer)
    throw newerLedger(path, reading);
  const ledger = reading.result();
  // A ledger that says of itself that it was begun anew is sound in every byte; only new faults put it aside.
  return ledger.condition === "damaged" && ledger.aside === undefined
    ? { ...ledger, aside: putAside(path) }
    : ledger;
}

/** In relaxed mode a power loss may leave the newest snapshot torn; the synced one is whole then, and LMDB takes it. */
function canBeSettled(path: string): boolean {
  const sound = (snapshot: "newest" | "synced"): boolean =>
    checkLmdbFile(path, snapshot, () => undefined) === undefined;
  return sound("newest") || sound("synced");
}

/** Going on would put it aside as damaged, and with it the leases that this release cannot read. */
function newerLedger(path: string, { faults, newer }: Reading): BrokerError {
  return new BrokerError(
    "unsupported-version",
    `the ledger ${path} was written by a later release: ${newer} of its records cannot be read here`,
    {
      details: tell(faults),
      hint: "install that release again; to stay with this one, stop the broker, move the folder away and start it: it takes up leases.json and what it finds on the node",
    },
  );
}

class Reading {
  readonly faults: string[] = [];
  /** How many of the faults are records of a later release. */
  newer = 0;
  private readonly records: LedgerRecord[] = [];
  private begun: { readonly detail: string; readonly aside: string } | undefined;

  readonly visit: VisitEntry = (key, bytes, start, end) => {
    if (key === BEGUN) {
      this.begun = readBegun(bytes.toString("utf8", start, end));
      return;
    }
    const decoded = decodeRecord(key, bytes, start, end);
    if ("record" in decoded) this.records.push(decoded.record);
    else {
      if (decoded.newer) this.newer += 1;
      this.faults.push(`record ${JSON.stringify(key)}: ${decoded.fault}`);
    }
  };

  result(): LoadedLedger {
    const { records, faults, begun } = this;
    if (faults.length > 0) return { condition: "damaged", records, detail: tell(faults) };
    if (begun !== undefined) return { condition: "damaged", records, ...begun };
    return { condition: records.length === 0 ? "missing" : "sound", records };
  }
}

function tell(faults: readonly string[]): string {
  const told = faults.slice(0, MAX_FAULTS_TOLD).join("; ");
  return faults.length > MAX_FAULTS_TOLD
    ? `${told}; and ${faults.length - MAX_FAULTS_TOLD} more`
    : told;
}

function readBegun(value: string): { readonly detail: string; readonly aside: string } {
  const [aside = "", detail = ""] = value.split("\n");
  return { detail, aside };
}

export function makeFolder(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  // Not recursive: Node calls a read-only file system "no such file" when it may make parents.
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
  syncFolder(dirname(path));
}

/** Renames the damaged ledger; a second damage within one second gets a number behind the time. */
function putAside(path: string): string {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  let aside = `${path}.damaged-${time}`;
  for (let number = 2; existsSync(aside); number++) aside = `${path}.damaged-${time}-${number}`;
  renameSync(path, aside);
  syncFolder(dirname(path));
  return aside;
}
