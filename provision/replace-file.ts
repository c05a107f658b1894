// Replaces a file so that readers, and the next boot, see the old one or the new one.

import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Temporary file beside `path`, fsync, rename, fsync of the folder. One writer per path. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.new`);
  try {
    await rm(temporary, { force: true });
    {
      await using file = await open(temporary, "wx", mode);
      await file.chmod(mode);
      await file.writeFile(text);
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
