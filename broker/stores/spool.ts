// The spool folder: releases that plugins wrote while no broker answered (spec section 4).

import { type FSWatcher, mkdirSync, watch } from "node:fs";
import { open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";

/** A spooled call is a request body: no longer than the API takes. */
const MAX_FILE_BYTES = 1_048_576;
/** Files taken up in one pass. */
const PASS_LIMIT = 1_024;

export interface Spool {
  /** Complete files, oldest call first; at most {@link PASS_LIMIT}. */
  list(): Promise<readonly string[]>;
  /** The text of a file; undefined when it is gone. Rejects when it is too large or cannot be read. */
  read(name: string): Promise<string | undefined>;
  remove(name: string): Promise<void>;
  /** Renames a file that is no release, so that it is kept for a look and never tried again. */
  setAside(name: string): Promise<void>;
  /** Calls back whenever the folder may hold something new. */
  watch(changed: () => void): Disposable;
}

export function openSpool(folder: string): Spool {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    async list() {
      const names = await readdir(folder);
      return names
        .filter((name) => name.endsWith(".json"))
        .toSorted()
        .slice(0, PASS_LIMIT);
    },
    read: (name) => readBounded(join(folder, name)),
    remove: (name) => unlink(join(folder, name)).catch(ignoreMissing),
    setAside: (name) =>
      rename(join(folder, name), join(folder, `${name}.rejected`)).catch(ignoreMissing),
    watch(changed) {
      const watcher: FSWatcher = watch(folder, { persistent: false }, changed);
      // The folder may be removed by hand; the period of the task finds a new one.
      watcher.on("error", changed);
      return { [Symbol.dispose]: () => watcher.close() };
    },
  };
}

async function readBounded(path: string): Promise<string | undefined> {
  let file;
  try {
    file = await open(path, "r");
  } catch (thrown) {
    return ignoreMissing(thrown);
  }
  try {
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES)
      throw new Error(`${path} has ${size} bytes, more than ${MAX_FILE_BYTES}`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

function ignoreMissing(thrown: unknown): undefined {
  if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
  throw thrown;
}
