// A ledger store in memory with the contract of the real one: what stands in for LMDB in tests of everything else.

import { BrokerError } from "#core/errors.ts";
import type { LedgerStore, LoadedLedger } from "#core/ports.ts";
import { type Change, type LedgerRecord, type RecordKey, recordKey } from "#core/record.ts";

/** What outlives a store: open another one on it to restart. */
export type MemoryDisk = Map<RecordKey, string>;

export interface MemoryStoreOptions {
  /** Kept between stores; a fresh one counts as a missing ledger. */
  readonly disk?: MemoryDisk;
  /** Runs before each commit; what it throws is the commit's rejection, and nothing is changed. */
  readonly beforeCommit?: (changes: readonly Change[]) => Promise<void>;
}

const MAX_KEY_LENGTH = 1_024;
const keyOf = (change: Change): RecordKey =>
  change.op === "put" ? recordKey(change.record) : change.key;

export function openMemoryStore(options: MemoryStoreOptions = {}): LedgerStore {
  const missing = options.disk === undefined || options.disk.size === 0;
  const disk = options.disk ?? new Map<RecordKey, string>();
  let last: Promise<void> = Promise.resolve();
  let closed = false;

  async function commitNext(
    changes: readonly Change[],
    texts: readonly (string | undefined)[],
  ): Promise<void> {
    await options.beforeCommit?.(changes);
    for (const [index, change] of changes.entries()) {
      const text = texts[index];
      if (change.op === "put" && text !== undefined) disk.set(recordKey(change.record), text);
      else if (change.op === "delete") disk.delete(change.key);
    }
  }

  return {
    lost: new Promise(() => undefined),
    load(): Promise<LoadedLedger> {
      const records = [...disk.values()].map((text): LedgerRecord => JSON.parse(text));
      return Promise.resolve({ condition: missing ? "missing" : "sound", records });
    },
    commit(changes): Promise<void> {
      if (closed) return Promise.reject(new BrokerError("not-ready", "the ledger is closed"));
      if (changes.some((change) => keyOf(change).length > MAX_KEY_LENGTH)) {
        return Promise.reject(
          new BrokerError("commit-failed", "a key that is too long; nothing was changed"),
        );
      }
      const texts = changes.map((change) =>
        change.op === "put" ? JSON.stringify(change.record) : undefined,
      );
      const kept = [...changes];
      const done = last.then(() => commitNext(kept, texts));
      last = done.catch(() => undefined);
      return done;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      closed = true;
      await last;
    },
  };
}
