// What makes a change of names in a folder durable and safe: fsync of the folder, atomic replacement of a file.

import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
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
 * Puts `text` in the place of `path`: a temporary file beside it, fsync, rename, fsync of the folder. Readers see the
 * old file or the new one, and so does the next boot. One writer per path: the temporary name is always the same.
 */
export function replaceFile(path: string, text: string, mode: number): void {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  try {
    const descriptor = openSync(temporary, "w", mode);
    try {
      fchmodSync(descriptor, mode);
      const bytes = Buffer.from(text);
      for (let written = 0; written < bytes.length;)
        written += writeSync(descriptor, bytes, written);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}
