// Conflists in the runtime's configuration folder: written atomically, compared, and removed only if they are ours.

import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import type { Conflist } from "./conflist.ts";

/** Not secret, and read by tools that do not run as root. */
const FILE_MODE = 0o644;

/** Puts the conflist in its place; the folder is made when it is missing. Throws a BrokerError (`system-failure`). */
export async function writeConflist(folder: string, conflist: Conflist): Promise<void> {
  const path = join(folder, conflist.fileName);
  // Runtimes read only .conf, .conflist and .json: the temporary file is none of theirs.
  const temporary = join(folder, `.${conflist.fileName}.new`);
  try {
    await mkdir(folder, { recursive: true });
    await rm(temporary, { force: true });
    {
      await using file = await open(temporary, "wx", FILE_MODE);
      await file.chmod(FILE_MODE);
      await file.writeFile(conflist.text);
      await file.sync();
    }
    await rename(temporary, path);
    await using entries = await open(folder, "r");
    await entries.sync();
  } catch (thrown) {
    // What stopped the write is what matters; a rest of it is removed by the next write.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw failure("write", path, thrown);
  }
}

/** Whether the file is missing or says something else than the conflist; blanks and the order of keys do not count. */
export async function conflistDiffers(folder: string, conflist: Conflist): Promise<boolean> {
  const content = await readText(join(folder, conflist.fileName));
  if (content === undefined) return true;
  const found = parse(content);
  return found === undefined || !isDeepStrictEqual(found, JSON.parse(conflist.text));
}

/**
 * Removes the file of that name, unless it describes another network than ours: then it is somebody else's and stays.
 */
export async function removeConflist(
  folder: string,
  { fileName, network }: Pick<Conflist, "fileName" | "network">,
): Promise<"removed" | "missing" | "foreign"> {
  const path = join(folder, fileName);
  const content = await readText(path);
  if (content === undefined) return "missing";
  const found = parse(content);
  if (typeof found === "object" && found !== null && "name" in found && found.name !== network)
    return "foreign";
  try {
    await rm(path, { force: true });
    await using entries = await open(folder, "r");
    await entries.sync();
    return "removed";
  } catch (thrown) {
    throw failure("remove", path, thrown);
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw failure("read", path, thrown);
  }
}

/** `undefined` for text that is not JSON: a conflist of ours that was damaged. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function failure(action: string, path: string, thrown: unknown): BrokerError {
  const message = `cannot ${action} the CNI configuration ${path}: ${toBrokerError(thrown).message}`;
  const hint =
    "check owner, mode and free space of the folder, or name another one with --cni-conf-dir";
  return new BrokerError("system-failure", message, { hint, cause: thrown });
}
