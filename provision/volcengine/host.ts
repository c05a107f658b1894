// This machine's side: links and their state, and files that keep other DHCP clients away from ours.

import { mkdir, readFile, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { replaceFile } from "#provision/replace-file.ts";
import { readLinks, runIp, runProgram } from "./links.ts";
import { managers } from "./network-managers.ts";
import type { Link, NetworkManagerName, SeenHost } from "./seen.ts";

const MODE = 0o644;

export interface Host {
  observe(): Promise<SeenHost>;
  links(): Promise<readonly Link[]>;
  /** Up and without IPv4 addresses; touches no other link. */
  prepare(link: Link, signal: AbortSignal): Promise<void>;
  write(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes a manager read its files again; says why when it could not. */
  reload(manager: NetworkManagerName, signal: AbortSignal): Promise<string | undefined>;
}

/** `root` is put before the path of every file, and is empty outside of tests. */
export function openHost(root = ""): Host {
  const at = (path: string) => join("/", root, path);
  return {
    async observe() {
      const present = await installedManagers(at);
      const files = new Map<string, string>();
      for (const { configured, isOurs } of present) {
        // Where the folder cannot be read there is no file of ours that could be seen or removed.
        const names = await readdir(at(configured)).catch(() => []);
        for (const name of names.filter(isOurs))
          files.set(join(configured, name), await readFile(at(join(configured, name)), "utf8"));
      }
      return { links: await readLinks(), managers: present.map(({ name }) => name), files };
    },
    links: () => readLinks(),
    async prepare(link, signal) {
      if (link.addresses.length > 0)
        await runIp(["-4", "address", "flush", "dev", link.name], signal);
      await runIp(["link", "set", "dev", link.name, "up"], signal);
    },
    async write(path, text) {
      await mkdir(dirname(at(path)), { recursive: true });
      await replaceFile(at(path), text, MODE);
    },
    remove: (path) => rm(at(path), { force: true }),
    async reload(name, signal) {
      const manager = managers.find((one) => one.name === name);
      if (manager === undefined || root !== "") return undefined;
      const [program = "", ...words] = manager.reload;
      return runProgram(program, words, signal).then(
        () => undefined,
        (thrown: unknown) => {
          signal.throwIfAborted();
          return thrown instanceof Error ? thrown.message : String(thrown);
        },
      );
    },
  };
}

async function installedManagers(at: (path: string) => string) {
  const present = await Promise.all(
    managers.map(({ folder }) =>
      stat(at(folder)).then(
        (found) => found.isDirectory(),
        () => false,
      ),
    ),
  );
  return managers.filter((_, index) => present[index] === true);
}
