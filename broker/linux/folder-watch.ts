// Watches the folders in which runtimes keep their namespaces: a file that goes is a container that went.

import { type FSWatcher, watch } from "node:fs";

/** Folders watched at one time; runtimes use one or two. */
const FOLDER_LIMIT = 16;
/** Process folders tell nothing to inotify. */
const UNWATCHABLE = /^\/(proc|sys)(\/|$)/;

export interface FolderWatch extends Disposable {
  /** From now on these folders are watched, and no others; those that cannot be are tried again at the next call. */
  follow(folders: ReadonlySet<string>): void;
}

export function watchFolders(changed: () => void): FolderWatch {
  const watchers = new Map<string, FSWatcher>();
  const forget = (folder: string): void => {
    watchers.get(folder)?.close();
    watchers.delete(folder);
  };
  const begin = (folder: string): void => {
    try {
      const watcher = watch(folder, { persistent: false }, changed);
      // A folder that is gone: whoever makes it anew is seen at the next call.
      watcher.on("error", () => forget(folder));
      watchers.set(folder, watcher);
    } catch {
      // The folder is not there, or inotify is used up: links tell the same of most containers, and the hourly look of all.
    }
  };
  return {
    follow(folders) {
      for (const folder of watchers.keys()) if (!folders.has(folder)) forget(folder);
      for (const folder of folders) {
        if (watchers.size >= FOLDER_LIMIT) return;
        if (!watchers.has(folder) && !UNWATCHABLE.test(folder)) begin(folder);
      }
    },
    [Symbol.dispose]() {
      for (const folder of watchers.keys()) forget(folder);
    },
  };
}
