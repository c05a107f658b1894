// The ledger in LMDB: one transaction for all commits that wait, on disk before any of them resolves.

import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { BrokerError } from "#core/errors.ts";
import type { LedgerStore, LoadedLedger } from "#core/ports.ts";
import { type Change, type LedgerRecord, recordKey } from "#core/record.ts";
import { syncFolder } from "./folder.ts";
import {
  type Durability,
  type Environment,
  isRelaxed,
  openEnvironment,
} from "./lmdb-environment.ts";
import { CommitTimeout, commitFault, openFault } from "./lmdb-fault.ts";
import { checkLmdbFile } from "./lmdb-file.ts";
import { decodeRecord, encodeRecord } from "./record.ts";

export interface LmdbOptions {
  /** The ledger's folder; made when it is missing (mode 0700), its parents too. */
  readonly path: string;
  readonly durability: Durability;
}

/** Bytes of a key: more than the core's parsers let through, less than LMDB's limit of 1,978. */
export const MAX_KEY_BYTES = 1_024;
/** Changes of one commit: every queue before the ledger is bounded, so more is a mistake. */
export const MAX_CHANGES = 200_000;
/** Faults that are told in words; the others are counted. */
const MAX_FAULTS_TOLD = 5;
/** How long a commit may take before its disk counts as gone. */
const COMMIT_LIMIT_MS = 30_000;
/** How long closing waits for a disk that does not answer. */
const CLOSE_LIMIT_MS = 5_000;
/** Holds why a ledger was begun anew, until the first commit settles it. No record's key has this form. */
const BEGUN_KEY = Buffer.from("begun");

/**
 * Opens the ledger. A damaged one is put aside as `<path>.damaged-<time>`, a fresh one opened with what could be read.
 * A missing or damaged ledger is reported as such at every start until its first commit, which must therefore carry all
 * that was found out about addresses in use.
 * Throws a BrokerError (`permission-denied`, `system-failure`) that names the path and the next step.
 */
export async function openLmdb({ path, durability }: LmdbOptions): Promise<LedgerStore> {
  try {
    const found = existsSync(path) ? await readExisting(path, durability) : undefined;
    if (found === undefined) {
      makeFolder(path);
      return ledgerStore(await openEnvironment(path, durability), path, {
        condition: "missing",
        records: [],
      });
    }
    if (found.environment !== undefined) return ledgerStore(found.environment, path, found.ledger);
    return ledgerStore(await beginAnew(path, durability, found.ledger), path, found.ledger);
  } catch (error) {
    throw openFault(error, path);
  }
}

/** What is in the folder: with its environment when it is sound (or empty), without one when it has been put aside. */
async function readExisting(
  path: string,
  durability: Durability,
): Promise<{ ledger: LoadedLedger; environment?: Environment } | undefined> {
  if (!statSync(path).isDirectory()) {
    const detail = "a file where the ledger's folder belongs";
    return { ledger: { condition: "damaged", records: [], detail, aside: putAside(path) } };
  }
  if (!existsSync(join(path, "data.mdb"))) return undefined;
  const fault = checkFile(path);
  if (fault !== undefined) return { ledger: { ...salvage(path, fault), aside: putAside(path) } };
  const environment = await openEnvironment(path, durability);
  const ledger = readRecords(environment);
  // A ledger that says of itself that it was begun anew is sound in every byte; only new faults put it aside.
  if (ledger.condition !== "damaged" || ledger.aside !== undefined) return { ledger, environment };
  await environment.close();
  return { ledger: { ...ledger, aside: putAside(path) } };
}

/** In relaxed mode a power loss may leave the newest snapshot torn; the synced one is whole then, and LMDB takes it. */
function checkFile(path: string): string | undefined {
  const fault = checkLmdbFile(path, "newest", () => undefined);
  return fault !== undefined && isRelaxed(path)
    ? checkLmdbFile(path, "synced", () => undefined)
    : fault;
}

function readRecords(environment: Environment): LoadedLedger {
  const reading = new Reading();
  for (const { key, value } of environment.getRange()) reading.visit(key, value);
  return reading.result();
}

/** Whatever can still be read of a file whose pages are damaged. */
function salvage(path: string, fault: string): LoadedLedger {
  const reading = new Reading();
  reading.faults.push(fault);
  checkLmdbFile(path, "newest", (key, value) => reading.visit(key, value));
  return reading.result();
}

class Reading {
  readonly faults: string[] = [];
  private readonly records: LedgerRecord[] = [];
  private begun: { readonly detail: string; readonly aside: string } | undefined;

  visit(key: Buffer, value: Buffer): void {
    if (key.equals(BEGUN_KEY)) {
      this.begun = readBegun(value);
      return;
    }
    const decoded = decodeRecord(key.toString(), value);
    if ("record" in decoded) this.records.push(decoded.record);
    else this.faults.push(`record ${JSON.stringify(key.toString())}: ${decoded.fault}`);
  }

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

function readBegun(value: Buffer): { readonly detail: string; readonly aside: string } {
  const [aside = "", detail = ""] = value.toString().split("\n");
  return { detail, aside };
}

function makeFolder(path: string): void {
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

/** A fresh ledger with what could be read of the damaged one and the word that it is not settled, in one transaction. */
async function beginAnew(
  path: string,
  durability: Durability,
  damaged: LoadedLedger,
): Promise<Environment> {
  makeFolder(path);
  const environment = await openEnvironment(path, durability);
  const begun = Buffer.from(`${damaged.aside}\n${damaged.detail}`);
  await environment.batch(() => {
    for (const record of damaged.records)
      void environment.put(Buffer.from(recordKey(record)), encodeRecord(record));
    void environment.put(BEGUN_KEY, begun);
  });
  return environment;
}

function ledgerStore(environment: Environment, path: string, found: LoadedLedger): LedgerStore {
  let loaded: LoadedLedger | undefined = found;
  let unsettled = found.condition === "damaged";
  let stopped: BrokerError | undefined;
  return {
    load(): Promise<LoadedLedger> {
      const ledger = loaded;
      // Handed over, not kept: 65,536 records are tens of megabytes.
      loaded = undefined;
      return ledger === undefined
        ? Promise.reject(new BrokerError("internal", `the ledger ${path} was loaded before`))
        : Promise.resolve(ledger);
    },
    async commit(changes): Promise<void> {
      if (stopped !== undefined) throw stopped;
      const writes = encodeChanges(changes, path);
      try {
        await inTime(environment.batch(() => writeAll(environment, writes, unsettled)));
        unsettled = false;
      } catch (thrown) {
        const fault = await commitFault(thrown, path);
        if (fault.lasting) stopped ??= fault.error;
        throw fault.error;
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      if (stopped?.code === "not-ready") return;
      stopped = new BrokerError("not-ready", `the ledger ${path} is closed`);
      const { promise, timer } = after(CLOSE_LIMIT_MS);
      await Promise.race([environment.close(), promise]);
      clearTimeout(timer);
    },
  };
}

interface Write {
  readonly key: Buffer;
  /** `undefined` deletes. */
  readonly value: Buffer | undefined;
}

/** Everything that can be refused is refused here, before LMDB has seen any of it. */
function encodeChanges(changes: readonly Change[], path: string): readonly Write[] {
  if (changes.length > MAX_CHANGES)
    throw refused(path, `${changes.length} changes in one commit, at most ${MAX_CHANGES} fit`);
  return changes.map((change) => {
    const key = Buffer.from(change.op === "put" ? recordKey(change.record) : change.key);
    if (key.length > MAX_KEY_BYTES)
      throw refused(path, `a key of ${key.length} bytes, at most ${MAX_KEY_BYTES} fit`);
    return { key, value: change.op === "put" ? encodeRecord(change.record) : undefined };
  });
}

function refused(path: string, reason: string): BrokerError {
  return new BrokerError(
    "commit-failed",
    `cannot write the ledger ${path}: ${reason}; nothing was changed`,
  );
}

function writeAll(environment: Environment, writes: readonly Write[], settle: boolean): void {
  for (const { key, value } of writes)
    void (value === undefined ? environment.remove(key) : environment.put(key, value));
  if (settle) void environment.remove(BEGUN_KEY);
}

async function inTime(commit: Promise<unknown>): Promise<void> {
  const { promise, timer } = after(COMMIT_LIMIT_MS);
  const late = promise.then(() => {
    throw new CommitTimeout(`the disk did not answer within ${COMMIT_LIMIT_MS / 1_000} s`);
  });
  try {
    await Promise.race([commit, late]);
  } finally {
    clearTimeout(timer);
  }
}

function after(milliseconds: number): {
  readonly promise: Promise<void>;
  readonly timer: NodeJS.Timeout;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, timer: setTimeout(resolve, milliseconds).unref() };
}
