// LMDB's environment in the two durabilities, and the way from one to the other.

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RootDatabase, open } from "lmdb";
import { syncFolder } from "./folder.ts";
import { openRoom } from "./room.ts";

/** `sync`: a commit ends when it is on disk. `relaxed`: when it is written, at the latest with its sync, which follows at once. */
export type Durability = "sync" | "relaxed";
/** Keys and values as bytes. */
export type Environment = RootDatabase<Buffer, Buffer>;

/** Marks a ledger that was last open in relaxed mode: its newest snapshot may be ahead of the newest synced one. */
const RELAXED_MARK = "relaxed";

export const isRelaxed = (path: string): boolean => existsSync(join(path, RELAXED_MARK));

/** Address space, not memory: the map never has to grow, and old maps never linger beside new ones. */
const MAP_BYTES = 1_024 * 1_024 * 1_024;

/** Opens the environment in an existing folder; one that was relaxed must be settled before it is opened as `sync`. */
export function openEnvironment(path: string, durability: Durability): Environment {
  if (durability === "relaxed" && !isRelaxed(path)) {
    writeFileSync(join(path, RELAXED_MARK), "", { mode: 0o600, flush: true });
    syncFolder(path);
  }
  return openWith(path, durability === "relaxed");
}

/**
 * After a power loss in relaxed mode only the synced snapshot can be trusted; LMDB takes it when it is opened with
 * overlapping syncs and another boot wrote the newest one. A synchronous transaction with a change in it then leaves the
 * snapshot that was taken as the newest one, on disk.
 */
export async function settleRelaxed(path: string): Promise<void> {
  const environment = openWith(path, true);
  const key = Buffer.from("settled");
  {
    using room = openRoom(path, environment);
    room.reserve(2, key.length);
    environment.transactionSync(() => {
      environment.putSync(key, Buffer.from("1"));
      environment.removeSync(key);
    });
  }
  await environment.close();
  rmSync(join(path, RELAXED_MARK));
  syncFolder(path);
}

function openWith(path: string, overlappingSync: boolean): Environment {
  const settings = {
    path,
    noSubdir: false,
    maxDbs: 1,
    mapSize: MAP_BYTES,
    encoding: "binary",
    keyEncoding: "binary",
    // Each commit is a batch of its own; batching by event turn would make promises that nobody can see reject.
    eventTurnBatching: false,
    overlappingSync,
    permissionsMode: 0o600,
  } as const;
  return open<Buffer, Buffer>(settings);
}
