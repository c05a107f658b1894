// Which network a container runtime takes as its default: the first configuration file by name.

import { readFile, readdir } from "node:fs/promises";
import { extname, join } from "node:path";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import type { Conflist } from "./conflist.ts";

/** The extensions that libcni lists. */
const extensions: readonly string[] = [".conf", ".conflist", ".json"];

export interface NetworkFile {
  readonly fileName: string;
  /** `undefined` when the file cannot be read as a CNI configuration; runtimes stumble over it or skip it. */
  readonly network: string | undefined;
}

/** The folder's configuration files in the order in which runtimes take them; none when there is no folder. */
export async function listNetworks(folder: string): Promise<readonly NetworkFile[]> {
  const names = await listNames(folder);
  const files: NetworkFile[] = [];
  for (const fileName of names)
    files.push({ fileName, network: await readName(join(folder, fileName)) });
  return files.toSorted(byName);
}

/** The first file that is a configuration. */
export function defaultNetwork(files: readonly NetworkFile[]): NetworkFile | undefined {
  return files.find(({ network }) => network !== undefined);
}

export interface DefaultChange {
  readonly before: NetworkFile | undefined;
  readonly after: NetworkFile | undefined;
  /** Another network was the default and would not be any more: wants `--make-default`. */
  readonly displaces: boolean;
}

/** What becomes of the default when the conflists are written into a folder with these files. */
export function defaultChange(
  files: readonly NetworkFile[],
  conflists: readonly Pick<Conflist, "fileName" | "network">[],
): DefaultChange {
  const ours = new Set(conflists.map(({ fileName }) => fileName));
  const before = defaultNetwork(files);
  const others = files.filter(({ fileName }) => !ours.has(fileName));
  const after = defaultNetwork([...others, ...conflists].toSorted(byName));
  const displaces =
    before !== undefined &&
    after !== undefined &&
    before.network !== after.network &&
    !ours.has(before.fileName);
  return { before, after, displaces };
}

/** Byte order, as Go sorts names. */
function byName(one: { readonly fileName: string }, other: { readonly fileName: string }): number {
  return Buffer.compare(Buffer.from(one.fileName), Buffer.from(other.fileName));
}

async function listNames(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && extensions.includes(extname(entry.name)))
      .map(({ name }) => name);
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return [];
    const message = `cannot read the CNI configuration folder ${folder}: ${toBrokerError(thrown).message}`;
    throw new BrokerError("system-failure", message, {
      hint: "name the right folder with --cni-conf-dir",
      cause: thrown,
    });
  }
}

async function readName(path: string): Promise<string | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(path, "utf8"));
    const named = typeof content === "object" && content !== null && "name" in content;
    return named && typeof content.name === "string" ? content.name : undefined;
  } catch {
    // Not a configuration, whatever the reason: the type says so, and the command lists it.
    return undefined;
  }
}
