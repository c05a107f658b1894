// The folder in which the plugin leaves a DEL that no broker took: listed, read, removed, set aside, and kept small.

import { type FSWatcher, constants, mkdirSync, watch } from "node:fs";
import { lstat, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { BrokerError } from "#core/errors.ts";

/** A spooled call is a request body: no longer than the API takes. */
const MAX_FILE_BYTES = 1_048_576;
/** Files taken up in one pass. */
const PASS_LIMIT = 1_024;
/** Files set aside that are kept for a look; the oldest go first. */
export const REJECTED_LIMIT = 64;
/** A plugin that was killed leaves the file it was writing: after this long nobody writes it any more, in milliseconds. */
export const TEMPORARY_AGE = 3_600_000;
const REJECTED = ".rejected";
const TEMPORARY = ".tmp";

export interface Spool {
  /** Complete files, oldest call first; at most {@link PASS_LIMIT}. */
  list(): Promise<readonly string[]>;
  /**
   * The text of a file; undefined when it is gone. Rejects with `invalid-request` when it can be no release (too large, no
   * file), and with the system's error when it cannot be read now.
   */
  read(name: string): Promise<string | undefined>;
  remove(name: string): Promise<void>;
  /** Renames a file that is no release, so that it is kept for a look and never tried again. */
  setAside(name: string): Promise<void>;
  /** Removes the oldest of too many files that were set aside, and unfinished ones that nobody writes any more. */
  tidy(): Promise<void>;
  /** What lies there that is no release to come: names of files set aside, and of unfinished ones that are old. */
  leftovers(): Promise<{ readonly rejected: readonly string[]; readonly stale: readonly string[] }>;
  /** Calls back whenever the folder may hold something new. */
  watch(changed: () => void): Disposable;
}

export function openSpool(folder: string): Spool {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const remove = (name: string) => unlink(join(folder, name)).catch(ignoreMissing);
  const leftovers = () => readLeftovers(folder);
  return {
    async list() {
      const names = await readdir(folder);
      return names
        .filter((name) => name.endsWith(".json"))
        .toSorted()
        .slice(0, PASS_LIMIT);
    },
    read: (name) => readBounded(join(folder, name)),
    remove,
    setAside: (name) =>
      rename(join(folder, name), join(folder, `${name}${REJECTED}`)).catch(ignoreMissing),
    leftovers,
    async tidy() {
      const { rejected, stale } = await leftovers();
      const excess = rejected.slice(0, Math.max(0, rejected.length - REJECTED_LIMIT));
      for (const name of [...excess, ...stale]) await remove(name);
    },
    watch(changed) {
      const watcher: FSWatcher = watch(folder, { persistent: false }, changed);
      // The folder may be removed by hand; the period of the task finds a new one.
      watcher.on("error", changed);
      return { [Symbol.dispose]: () => watcher.close() };
    },
  };
}

/** Without making the folder: also for a look at a stopped broker's files. */
export async function readLeftovers(
  folder: string,
): Promise<{ readonly rejected: readonly string[]; readonly stale: readonly string[] }> {
  const names = (await readdir(folder)).toSorted();
  const stale: string[] = [];
  for (const name of names.filter((one) => one.endsWith(TEMPORARY))) {
    const found = await lstat(join(folder, name)).catch(ignoreMissing);
    if (found?.isFile() === true && Date.now() - found.mtimeMs > TEMPORARY_AGE) stale.push(name);
  }
  return { rejected: names.filter((name) => name.endsWith(REJECTED)), stale };
}

async function readBounded(path: string): Promise<string | undefined> {
  let file;
  try {
    // Never waits, as opening a pipe would, and follows no link out of the folder.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (thrown) {
    return ignoreMissing(thrown);
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) throw noRelease(`${path} is no file`);
    if (found.size > MAX_FILE_BYTES)
      throw noRelease(`${path} has ${found.size} bytes, more than ${MAX_FILE_BYTES}`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

const noRelease = (message: string): BrokerError =>
  new BrokerError("invalid-request", message, {
    hint: "it is set aside under .rejected; remove it when you have looked at it",
  });

function ignoreMissing(thrown: unknown): undefined {
  if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
  throw thrown;
}
