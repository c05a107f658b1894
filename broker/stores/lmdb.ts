// The ledger in LMDB: one transaction for all commits that wait, on disk before any of them resolves.

import { existsSync } from "node:fs";
import { BrokerError } from "#core/errors.ts";
import type { LedgerStore, LoadedLedger } from "#core/ports.ts";
import { type Durability, type Environment, openEnvironment } from "./lmdb-environment.ts";
import { commitFault, openFault } from "./lmdb-fault.ts";
import { BEGUN_KEY, formatBegun, makeFolder, readExisting } from "./lmdb-recovery.ts";
import { COMMIT_LIMIT_MS, type Writer, encodeChanges, openWriter } from "./lmdb-writer.ts";

export interface LmdbOptions {
  /** The ledger's folder; made when it is missing (mode 0700), its parents too. */
  readonly path: string;
  readonly durability: Durability;
  /** Milliseconds after which a commit's disk counts as gone; 30 s unless given. */
  readonly commitLimit?: number;
}

/** How long closing waits for a disk that does not answer. */
const CLOSE_LIMIT_MS = 5_000;
/**
 * Opens the ledger. A damaged one is put aside as `<path>.damaged-<time>`, a fresh one opened with what could be read.
 * A missing or damaged ledger is reported as such at every start until its first commit, which must therefore carry all
 * that was found out about addresses in use.
 * Throws a BrokerError (`permission-denied`, `system-failure`) that names the path and the next step.
 */
export async function openLmdb(options: LmdbOptions): Promise<LedgerStore> {
  const { path, durability, commitLimit = COMMIT_LIMIT_MS } = options;
  try {
    const found = existsSync(path) ? await readExisting(path) : undefined;
    const ledger = found ?? { condition: "missing", records: [] };
    const anew = !existsSync(path);
    if (anew) makeFolder(path);
    const environment = openEnvironment(path, durability);
    const writer = openWriter(path, environment, commitLimit);
    if (anew && ledger.condition === "damaged") await beginAnew(writer, path, ledger);
    return ledgerStore(environment, writer, path, ledger);
  } catch (error) {
    throw openFault(error, path);
  }
}

/** A fresh ledger with what could be read of the damaged one and the word that it is not settled, in one transaction. */
async function beginAnew(writer: Writer, path: string, damaged: LoadedLedger): Promise<void> {
  const kept = encodeChanges(
    damaged.records.map((record) => ({ op: "put", record })),
    path,
  );
  await writer.write([...kept, { key: BEGUN_KEY, value: formatBegun(damaged) }]);
}

function ledgerStore(
  environment: Environment,
  writer: Writer,
  path: string,
  found: LoadedLedger,
): LedgerStore {
  let loaded: LoadedLedger | undefined = found;
  let unsettled = found.condition === "damaged";
  let stopped: BrokerError | undefined;
  const { promise: lost, resolve: lose } = Promise.withResolvers<BrokerError>();
  return {
    lost,
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
        await writer.write(unsettled ? [...writes, { key: BEGUN_KEY, value: undefined }] : writes);
        unsettled = false;
      } catch (thrown) {
        const fault = await commitFault(thrown, path);
        if (fault.lasting) {
          stopped ??= fault.error;
          lose(fault.error);
        }
        throw fault.error;
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      // Closed already, or lost: closing then holds the whole process up until the disk has answered.
      if (stopped !== undefined) return;
      stopped = new BrokerError("not-ready", `the ledger ${path} is closed`);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_LIMIT_MS);
      });
      await Promise.race([environment.close(), late]);
      clearTimeout(timer);
      writer[Symbol.dispose]();
    },
  };
}
