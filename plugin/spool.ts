// Keeps a DEL that no broker took: a file that is on the disk, name and content, before the runtime hears of success.
import { EEXIST, ENOENT, type Host, HostError } from "./host.ts";
import type { Stamp } from "./request.ts";
import { writeAll } from "./stream.ts";

const BOOTTIME_DIGITS = 20;
const RANDOM_BYTES = 8;

/**
 * Writes the request as `<boottime>-<pid>-<random>.json`; names sort by the time of the call. The broker takes a name
 * without `.json` at its end for unfinished work. Throws HostError, with nothing left behind.
 */
export function spoolRelease(host: Host, folder: string, stamp: Stamp, body: string): void {
  const name = `${stamp.boottime.padStart(BOOTTIME_DIGITS, "0")}-${host.processId()}-${host.randomHex(RANDOM_BYTES)}.json`;
  const path = `${folder}/${name}`;
  const unfinished = `${path}.tmp`;
  const folderDescriptor = openSpool(host, folder);
  try {
    writeDurably(host, unfinished, body);
    try {
      host.rename(unfinished, path);
    } catch (error) {
      removeUnfinished(host, unfinished);
      throw error;
    }
    host.sync(folderDescriptor);
  } finally {
    host.close(folderDescriptor);
  }
}

/**
 * Makes the folder itself where it is missing, but not its parent: a state folder that does not exist is more
 * likely a misspelt path, and a release in a folder that nobody watches would be lost.
 */
function openSpool(host: Host, folder: string): number {
  try {
    return host.openFolder(folder);
  } catch (error) {
    if (!(error instanceof HostError) || error.errno !== ENOENT) throw error;
  }
  const parent = host.openFolder(folder.slice(0, folder.lastIndexOf("/")) || "/");
  try {
    host.makeFolder(folder);
    host.sync(parent);
  } catch (error) {
    if (!(error instanceof HostError) || error.errno !== EEXIST) throw error;
  } finally {
    host.close(parent);
  }
  return host.openFolder(folder);
}

function writeDurably(host: Host, path: string, body: string): void {
  const descriptor = host.createFile(path);
  try {
    writeAll(host, descriptor, body);
    host.sync(descriptor);
  } catch (error) {
    removeUnfinished(host, path);
    throw error;
  } finally {
    host.close(descriptor);
  }
}

/** The failure that led here is the one to report; a remainder is harmless, for the broker ignores and clears it. */
function removeUnfinished(host: Host, path: string): void {
  try {
    host.remove(path);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
  }
}
