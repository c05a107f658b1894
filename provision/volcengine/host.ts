// This machine's side: links and their state, and files that keep other DHCP clients away from ours.

import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, rm, stat } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseMac } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { replaceFile } from "#provision/replace-file.ts";
import { managers } from "./network-managers.ts";
import type { Link, NetworkManagerName, SeenHost } from "./seen.ts";

/** A program that is run here answers within this, or is ended. */
const PROGRAM_DEADLINE_MS = 10_000;
const MODE = 0o644;
/** Of include/uapi/linux/if.h. */
const IFF_UP = 1;
/** Links that are no network cards, and may carry the MAC of one. */
const builtOnOthers = ["bridge", "bonding"];

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

/** `root` is put before every path, and is empty outside of tests. */
export function openHost(root = ""): Host {
  const at = (path: string) => join("/", root, path);
  return {
    async observe() {
      const present = await filterAsync(managers, ({ folder }) => isFolder(at(folder)));
      const files = new Map<string, string>();
      for (const { configured, isOurs } of present) {
        const names = await namesIn(at(configured));
        for (const name of names.filter(isOurs))
          files.set(join(configured, name), await readFile(at(join(configured, name)), "utf8"));
      }
      return { links: await readLinks(), managers: present.map(({ name }) => name), files };
    },
    links: readLinks,
    async prepare(link, signal) {
      if (link.addresses.length > 0)
        await runIp(["-4", "address", "flush", "dev", link.name], signal);
      await runIp(["link", "set", "dev", link.name, "up"], signal);
    },
    async write(path, text) {
      await mkdir(join(at(path), ".."), { recursive: true });
      await replaceFile(at(path), text, MODE);
    },
    remove: (path) => rm(at(path), { force: true }),
    async reload(name, signal) {
      const manager = managers.find((one) => one.name === name);
      if (manager === undefined || root !== "") return undefined;
      const [program = "", ...words] = manager.reload;
      return run(program, words, signal).then(
        () => undefined,
        (thrown: unknown) => {
          signal.throwIfAborted();
          return thrown instanceof Error ? thrown.message : String(thrown);
        },
      );
    },
  };
}

const runFile = promisify(execFile);

const run = (program: string, words: readonly string[], signal: AbortSignal) =>
  runFile(program, words, { timeout: PROGRAM_DEADLINE_MS, killSignal: "SIGKILL", signal });

async function runIp(words: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await run("ip", words, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    const said = thrown instanceof Error && "stderr" in thrown ? String(thrown.stderr).trim() : "";
    throw new BrokerError(
      "system-failure",
      `ip ${words.join(" ")} failed: ${said || String(thrown)}`,
      {
        hint: "run this as root in the host's network namespace, with iproute2 installed",
        cause: thrown,
      },
    );
  }
}

async function readLinks(): Promise<readonly Link[]> {
  const all = networkInterfaces();
  const links: Link[] = [];
  for (const name of await namesIn("/sys/class/net")) {
    const folder = join("/sys/class/net", name);
    const mac = parseMac((await textOf(join(folder, "address"))).trim());
    const flags = Number.parseInt(await textOf(join(folder, "flags")), 16);
    if (mac === undefined || Number.isNaN(flags)) continue;
    if ((await filterAsync(builtOnOthers, (kind) => isFolder(join(folder, kind)))).length > 0)
      continue;
    const addresses = (all[name] ?? []).filter(({ family }) => family === "IPv4");
    links.push({
      name,
      mac,
      up: (flags & IFF_UP) !== 0,
      addresses: addresses.map(({ address }) => address),
    });
  }
  return links.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** Links may vanish between listing and reading. */
const textOf = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
const namesIn = (path: string): Promise<string[]> => readdir(path).catch(() => []);

async function filterAsync<Item>(
  items: readonly Item[],
  keep: (item: Item) => Promise<boolean>,
): Promise<Item[]> {
  const kept = await Promise.all(items.map(keep));
  return items.filter((_, index) => kept[index] === true);
}
