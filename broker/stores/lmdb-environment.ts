// LMDB's environment in the two durabilities, and the way from one to the other.

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RootDatabase, open } from "lmdb";
import { syncFolder } from "./folder.ts";
import { openRoom } from "./room.ts";

/** `sync`: a commit ends when it is on disk. `relaxed`: when it is written; the sync follows at once. */
export type Durability = "sync" | "relaxed";
/** Keys and values as bytes. */
export type Environment = RootDatabase<Buffer, Buffer>;

/** Marks a ledger that was last open in relaxed mode: its newest snapshot may be ahead of the newest synced one. */
const RELAXED_MARK = "relaxed";

export const isRelaxed = (path: string): boolean => existsSync(join(path, RELAXED_MARK));

/**
 * Opens the environment in an existing folder. After a power loss in relaxed mode only the synced snapshot can be
 * trusted; LMDB chooses it when it is opened with overlapping syncs, so a relaxed ledger is opened that way first.
 */
export async function openEnvironment(path: string, durability: Durability): Promise<Environment> {
  const mark = join(path, RELAXED_MARK);
  if (durability === "relaxed" && !existsSync(mark)) {
    writeFileSync(mark, "", { mode: 0o600, flush: true });
    syncFolder(path);
  }
  if (durability === "sync" && existsSync(mark)) {
    const relaxed = openWith(path, true);
    const key = Buffer.from("synced");
    using room = openRoom(path, relaxed);
    room.reserve(2, key.length);
    // A synchronous transaction that changes something leaves the chosen snapshot as the newest one, on disk.
    relaxed.transactionSync(() => {
      relaxed.putSync(key, Buffer.from("1"));
      relaxed.removeSync(key);
    });
    await relaxed.close();
    rmSync(mark);
    syncFolder(path);
  }
  return openWith(path, durability === "relaxed");
}

function openWith(path: string, overlappingSync: boolean): Environment {
  const settings = {
    path,
    noSubdir: false,
    maxDbs: 1,
    encoding: "binary",
    keyEncoding: "binary",
    // Each commit is a batch of its own; batching by event turn would make promises that nobody can see reject.
    eventTurnBatching: false,
    overlappingSync,
    permissionsMode: 0o600,
  } as const;
  return open<Buffer, Buffer>(settings);
}
