// Lays out the private folder of an installed cocoon-net: command, plugin, unit, Node and the native add-ons.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { bundledPackages, copyrightText } from "./copyright.ts";
import { outputsOf } from "./metafile.ts";
import { shippedModuleFiles } from "./modules.ts";
import { isElf, tooNew, versionNeeds } from "./symbol-versions.ts";

const ROOT = join(import.meta.dirname, "..");
const NODE = join(ROOT, "node_modules/node/bin/node");
const EXECUTABLES = new Set(["cocoon-net", "cocoon-ipam", "bin/node"]);

/** What an operator reads, and hands to the cloud, before `init`: a package puts them with its documents. */
export const DOCUMENTS: readonly (readonly [name: string, source: string])[] = [
  ["install.md", "docs/install.md"],
  ["gke.md", "docs/gke.md"],
  ["gke-role.yaml", "packaging/gke-role.yaml"],
  ["volcengine.md", "docs/volcengine.md"],
  ["volcengine-policy.json", "packaging/volcengine-policy.json"],
];

/** Where each file of the folder comes from, by its path in the folder. */
function sources(): Map<string, string> {
  const nodeModules = join(ROOT, "node_modules");
  const entries: [string, string][] = [
    ["bin/node", NODE],
    ["cocoon-net.service", join(ROOT, "packaging/cocoon-net.service")],
    ...DOCUMENTS.map(([name, source]): [string, string] => [name, join(ROOT, source)]),
    ...["cocoon-net", ...commandFiles(), "cocoon-ipam"].map((name): [string, string] => [
      name,
      join(ROOT, "dist", name),
    ]),
    ...shippedModuleFiles(nodeModules).map((file): [string, string] => [
      join("node_modules", file),
      join(nodeModules, file),
    ]),
  ];
  return new Map(entries);
}

/** The command's bundle and the modules that it loads when they are used, below dist; Node is given no source map (build.ts). */
function commandFiles(): readonly string[] {
  const metafile = join(ROOT, "dist/cocoon-net.mjs.meta.json");
  if (!existsSync(metafile)) throw new Error(`${metafile} is missing; run make build`);
  return outputsOf(readFileSync(metafile, "utf8"))
    .filter((name) => !name.endsWith(".map"))
    .map((name) => relative("dist", name));
}

/**
 * Copies everything into `folder`, which must be empty or absent: directories 0755, executables 0755, the rest 0644.
 * Throws when `make build` has not run, or when a file needs newer libraries than the oldest system we promise has.
 */
export function layOutFolder(folder: string): void {
  for (const [name, source] of sources()) {
    if (!existsSync(source)) throw new Error(`${source} is missing; run make build`);
    put(join(folder, name), readFileSync(source), EXECUTABLES.has(name) ? 0o755 : 0o644);
  }
  if (!isElf(readFileSync(join(folder, "cocoon-ipam")))) {
    throw new Error("dist/cocoon-ipam is not the native plugin; install gcc, then run make build");
  }
  put(join(folder, "copyright"), Buffer.from(copyrightText(ROOT, bundledPackages(ROOT))), 0o644);
  const refused = foldersElves(folder).flatMap(([file, needs]) =>
    tooNew(needs).map((need) => `${file} needs ${need}`),
  );
  if (refused.length > 0) {
    throw new Error(
      `newer than Ubuntu 22.04 has: ${refused.join(", ")}; build it on an older system`,
    );
  }
}

/** Every ELF file below `folder` with the symbol versions it needs. */
export function foldersElves(folder: string): [file: string, needs: string[]][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .flatMap((path): [string, string[]][] => {
      const file = readFileSync(path);
      return isElf(file) ? [[path.slice(folder.length + 1), versionNeeds(file)]] : [];
    });
}

/** Writes a file with exactly this mode, whatever the umask; its folders are made 0755. */
export function put(path: string, content: Buffer | string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

/** Gives everything below `folder`, and itself, one modification time (seconds), so that archives do not differ by it. */
export function setTimes(folder: string, seconds: number): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    lutimesSync(path, seconds, seconds);
  }
  chmodSync(folder, 0o755);
  lutimesSync(folder, seconds, seconds);
}

/** Copies a file of the folder to another place of the package. */
export function copyTo(source: string, target: string, mode: number): void {
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  copyFileSync(source, target);
  chmodSync(target, mode);
}
