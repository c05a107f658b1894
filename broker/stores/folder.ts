// What makes a change of names in a folder durable and safe: fsync of the folder, atomic replacement of a file.

import { closeSync, fsyncSync, openSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Makes names that were added, changed or removed in the folder survive a power loss. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Puts the pieces of a text in the place of `path`: a temporary file beside it, fsync, rename, fsync of the folder. Readers
 * see the old file or the new one, and so does the next boot. One writer per path: the temporary name is always the same.
 */
export async function replaceFile(
  path: string,
  pieces: readonly Buffer[],
  mode: number,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  try {
    await rm(temporary, { force: true });
    {
      await using file = await open(temporary, "wx", mode);
      await file.chmod(mode);
      await file.writeFile(pieces);
      await file.sync();
    }
    await rename(temporary, path);
    await using folder = await open(dirname(path), "r");
    await folder.sync();
  } catch (error) {
    // What stopped the write is what matters; a rest of it is removed by the next write.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}
