// The ledger's file as a power cut would leave it: `synced.c`, loaded before the C library, follows every write and sync.

import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import koffi from "koffi";

const SOURCE = join(import.meta.dirname, "synced.c");
const FOLDER = resolve(import.meta.dirname, "../../node_modules/.cache/cocoon-net");
export const PRELOAD = join(FOLDER, "synced.so");
/** More than the ledger of any torture run. */
const CAPACITY = 64 * 1_024 * 1_024;

/** Compiles the library when it is missing or older than its source. */
export function buildPreload(): void {
  mkdirSync(FOLDER, { recursive: true });
  const built = statSync(PRELOAD, { throwIfNoEntry: false });
  if (built !== undefined && built.mtimeMs >= statSync(SOURCE).mtimeMs) return;
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"];
  execFileSync("gcc", [...flags, "-o", PRELOAD, SOURCE, "-ldl", "-lpthread"], { stdio: "inherit" });
}

export const isPreloaded = (): boolean => process.env["LD_PRELOAD"] === PRELOAD;

/**
 * Bytes count once an fdatasync of the file has returned after them, or at once when they went through a descriptor that
 * syncs by itself (LMDB's meta pages). Everything else is what the machine loses with its power. Process deaths are judged
 * by the same image: they leave more behind, and what was acknowledged must not need it.
 */
export interface SyncedFile {
  /** Follows this file from now on, and no other. */
  track(path: string): void;
  image(): Buffer;
  /** Syncs so far. */
  count(): number;
}

export function openSyncedFile(): SyncedFile {
  const library = koffi.load(PRELOAD);
  const track = library.func("void synced_track(const char *)") as (path: string) => void;
  const copy = library.func("long synced_copy(void *, long)") as (
    into: Buffer,
    capacity: number,
  ) => number;
  const count = library.func("long synced_count()") as () => number;
  const space = Buffer.alloc(CAPACITY);
  return {
    track,
    count,
    image() {
      const size = copy(space, space.length);
      if (size < 0) throw new Error(`the ledger is larger than ${CAPACITY} bytes`);
      return Buffer.from(space.subarray(0, size));
    },
  };
}
