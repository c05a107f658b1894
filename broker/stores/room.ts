// Disk space for commits, taken before LMDB needs it: the binding's own handling of a full disk corrupts its heap.

import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "./lmdb-environment.ts";

/** Pages for LMDB's free list and for splits near the root, whatever the commit is. */
const FIXED_PAGES = 16;
/** A split may leave pages half full, and the old value's pages are not free before the commit. */
const BYTES_FACTOR = 3;
/** Zeros are written in steps, so that a failure leaves little behind. */
const STEP = 64 * 1_024;

export interface Room extends Disposable {
  /**
   * Makes sure that the data file has blocks for a commit of that many changes and bytes on top of all commits under
   * way, and throws what the file system says (ENOSPC, EDQUOT) otherwise. Call the answer when the commit has ended.
   */
  reserve(changes: number, bytes: number): () => void;
}

/**
 * The room in the data file of an open environment. It is made by appending zeros behind LMDB's last page: LMDB writes
 * over them later. O_APPEND keeps the zeros behind whatever LMDB writes in the meantime.
 */
export function openRoom(path: string, environment: Environment): Room {
  const descriptor = openSync(join(path, "data.mdb"), "a");
  const pending = { changes: 0, bytes: 0 };
  // Asked once: it grows here alone, since LMDB writes inside what was made for it, and never shrinks.
  let { size } = fstatSync(descriptor);

  function extend(): void {
    const stats = readStats(environment);
    const used = (stats.lastPageNumber + 1) * stats.pageSize;
    // A page is copied once in a transaction, however many changes it sees: never more than all pages there are.
    const copied = Math.min(pending.changes * (stats.treeDepth + 2) * stats.pageSize, used);
    const wanted = used + copied + pending.bytes * BYTES_FACTOR + FIXED_PAGES * stats.pageSize;
    while (size < wanted)
      size += writeSync(descriptor, Buffer.alloc(Math.min(STEP, wanted - size)));
  }

  return {
    reserve(changes, bytes) {
      pending.changes += changes;
      pending.bytes += bytes;
      const release = (): void => {
        pending.changes -= changes;
        pending.bytes -= bytes;
      };
      try {
        extend();
      } catch (error) {
        release();
        throw error;
      }
      return release;
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

interface Stats {
  readonly lastPageNumber: number;
  readonly pageSize: number;
  readonly treeDepth: number;
}

function readStats(environment: Environment): Stats {
  const stats = new Map<string, unknown>(Object.entries(environment.getStats()));
  const numberOf = (name: string): number => {
    const value = stats.get(name);
    if (typeof value !== "number") throw new TypeError(`LMDB tells no ${name}`);
    return value;
  };
  return {
    lastPageNumber: numberOf("lastPageNumber"),
    pageSize: numberOf("pageSize"),
    treeDepth: numberOf("treeDepth"),
  };
}
