// The dependency rule as a table, and the shape that every file has; both are read off the text of the sources.

import { builtinModules } from "node:module";

/** A source file: its path from the project's root and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/**
 * What the files of a room may import besides their own room; the first row that matches counts. A pattern ending in `/`
 * stands for all below it; `node:*` for everything of Node. Only the composition root sees adapters.
 */
const rooms: readonly {
  readonly room: string;
  readonly may: readonly string[];
  readonly because: string;
}[] = [
  { room: "core/", may: [], because: "decisions are pure" },
  {
    room: "conflist/",
    may: ["#core/", "node:*"],
    because: "a conflist is text and the file it is written to",
  },
  { room: "broker/dhcp/", may: ["#core/"], because: "the codec and its answers are pure" },
  { room: "broker/node/", may: ["#core/"], because: "what a ready node looks like is data" },
  {
    room: "broker/stores/",
    may: ["#core/", "lmdb", "node:fs", "node:fs/promises", "node:path", "node:crypto"],
    because: "a store is one client and the files it keeps",
  },
  {
    room: "broker/linux/",
    may: [
      "#core/",
      "#broker/dhcp/socket-port.ts",
      "#broker/node/ports.ts",
      "#broker/node/uplinks.ts",
      "node:*",
      "koffi",
      "netlink/dist/raw.js",
    ],
    because: "the kernel is behind ports",
  },
  {
    room: "broker/api/",
    may: ["#core/", "node:*", "zod", "zod/mini"],
    because: "the wire has one contract",
  },
  {
    room: "broker/cni/",
    may: ["#core/", "zod", "zod/mini"],
    because: "CNI is answered without touching the machine",
  },
  {
    room: "broker/compose.ts",
    may: [
      "#core/",
      "#broker/",
      "#conflist/",
      "#provision/",
      "node:*",
      "pino",
      "prom-client",
      "unix-dgram",
    ],
    because: "the composition root",
  },
  {
    room: "broker/offline-fsck.ts",
    may: ["#core/", "#broker/", "#provision/", "node:*"],
    because: "it composes a look at a stopped broker's files",
  },
  {
    room: "broker/operations.ts",
    may: ["#core/", "#broker/", "#provision/"],
    because: "it composes what a command does while no broker runs",
  },
  {
    room: "broker/",
    may: [
      "#core/",
      "#broker/dhcp/",
      "#broker/node/",
      "#broker/api/",
      "#broker/cni/",
      "#conflist/",
      "#provision/",
      "node:*",
      "zod",
      "zod/mini",
      "pino",
      "prom-client",
      "unix-dgram",
      "yaml",
    ],
    because: "adapters are handed in, never imported",
  },
  {
    room: "plugin/host-node.ts",
    may: ["#plugin/", "node:*"],
    because: "it is the host where there is no C compiler",
  },
  {
    room: "plugin/",
    may: [],
    because: "it runs without Node and packages, and shares only the wire format",
  },
  {
    room: "provision/gke/",
    may: ["#core/", "#provision/", "node:*", "zod", "zod/mini", "google-auth-library"],
    because: "a cloud is one folder behind one interface",
  },
  {
    room: "provision/volcengine/",
    may: [
      "#core/",
      "#provision/",
      "node:*",
      "zod",
      "zod/mini",
      "@volcengine/openapi/lib/base/service.js",
    ],
    because: "a cloud is one folder behind one interface",
  },
  {
    room: "provision/",
    may: ["#core/", "node:*", "zod", "zod/mini"],
    because: "the cloud side knows no broker",
  },
  {
    room: "cli/",
    may: [
      "#core/",
      "#provision/",
      "#conflist/",
      "#broker/api/client.ts",
      "#broker/api/contract.ts",
      "#broker/config.ts",
      "#broker/setting.ts",
      "#broker/settings.ts",
      "#broker/main.ts",
      "#broker/offline-fsck.ts",
      "#broker/operations.ts",
      "#cli/",
      "node:*",
      "commander",
      "yaml",
    ],
    because: "a command talks to the broker through its API",
  },
];
/** Rooms that may import anything. */
const unbound = ["test/", "bench/"];
/** Files outside the rooms: they belong to the tools that read them. */
const tools = ["build.ts", "vitest.config.ts"];
export const MAX_LINES = 300;

/** What would make a decision in `core` depend on the moment or the machine. */
const impure =
  /\b(Date|process|Buffer|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|performance|crypto|console)\b(?=\s*[.(])|\bMath\.random\b|\bnew Date\b|\bimport\.meta\b/;

const builtins = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));

/** What a file imports, as it words it. */
export function importsOf(text: string): string[] {
  const statements =
    /^\s*(?:import|export)\b[\w\s{},*$]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\b(?:import|require)\(\s*["']([^"']+)["']\s*\)/gm;
  return [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

/** The code of a file: comments and the contents of strings say nothing about what it does. */
function codeOf(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')/g, '""')
    .replaceAll(/\/\/.*$/gm, "");
}

const matches = (pattern: string, specifier: string): boolean =>
  pattern === "node:*"
    ? specifier.startsWith("node:")
    : pattern.endsWith("/")
      ? specifier.startsWith(pattern)
      : specifier === pattern;

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

function brokenImports(source: Source, declared: ReadonlySet<string>): string[] {
  const row = rooms.find(({ room }) => source.path.startsWith(room));
  const free = unbound.some((room) => source.path.startsWith(room)) || tools.includes(source.path);
  if (row === undefined && !free) return ["lies in no room of the table"];
  return importsOf(source.text).flatMap((specifier) => {
    if (specifier.includes("../")) return [`imports ${specifier}: write #room/file.ts`];
    if (/^(\.|#)/.test(specifier) && !/\.(ts|json)$/.test(specifier))
      return [`imports ${specifier}: name the file with its ending`];
    if (specifier.startsWith("./"))
      return row === undefined ? [] : brokenDescent(source, row.room, specifier, row.may);
    if (builtins.has(specifier) && !specifier.startsWith("node:"))
      return [`imports ${specifier}: write node:${specifier}`];
    const outside = !specifier.startsWith("#") && !specifier.startsWith("node:");
    if (outside && !declared.has(packageOf(specifier)))
      return [`imports ${specifier}: package.json does not declare it`];
    if (row === undefined || (specifier.startsWith(`#${row.room}`) && row.room !== "broker/"))
      return [];
    if (row.may.some((pattern) => matches(pattern, specifier))) return [];
    if (
      row.room === "broker/" &&
      /^#broker\/[^/]+$/.test(specifier) &&
      specifier !== "#broker/compose.ts"
    )
      return [];
    if (source.path === "broker/main.ts" && specifier === "#broker/compose.ts") return [];
    return [`imports ${specifier}, but ${row.room} may not: ${row.because}`];
  });
}

/** `./folder/file.ts` enters another room when the folder is one. */
function brokenDescent(
  source: Source,
  own: string,
  specifier: string,
  may: readonly string[],
): string[] {
  const target = source.path.replace(/[^/]+$/, "") + specifier.slice(2);
  const room = rooms.find((row) => target.startsWith(row.room))?.room;
  if (room === "broker/compose.ts")
    return source.path === "broker/main.ts"
      ? []
      : [`imports ${specifier}: only broker/main.ts starts the composition`];
  if (
    room === own ||
    own === "broker/compose.ts" ||
    may.some((pattern) => matches(pattern, `#${target}`))
  )
    return [];
  return [`imports ${specifier}, which is in ${room ?? "no room"}`];
}

function brokenShape({ path, text }: Source): string[] {
  const broken: string[] = [];
  const code = codeOf(text);
  const lines = text.trimEnd().split("\n").length;
  if (!/^(#!.*\n)?\/\/ \S/.test(text))
    broken.push("does not begin with a comment that says what it is for");
  if (lines > MAX_LINES) broken.push(`has ${lines} lines, more than ${MAX_LINES}`);
  if (/^export\s+default\b|\bas default\b/m.test(code) && path !== "vitest.config.ts")
    broken.push("has a default export");
  if (/(^|\/)index\.ts$/.test(path) || /^export\s+(\*|(type\s+)?\{[^}]*\}\s*from\b)/m.test(code))
    broken.push("is a barrel");
  if (/(^|\/)(utils?|helpers?|common)\.ts$/.test(path))
    broken.push("is named after nothing in particular");
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|config|d))?\.ts$/.test(path.replace(/^.*\//, "")))
    broken.push("is not named in kebab-case");
  const found = path.startsWith("core/") ? impure.exec(code) : null;
  if (found !== null) broken.push(`uses ${found[0]}: what changes is handed in`);
  return broken;
}

/** Every break of the rules, as `path what`. */
export const violations = (sources: readonly Source[], declared: ReadonlySet<string>): string[] =>
  sources.flatMap((source) =>
    [...brokenImports(source, declared), ...brokenShape(source)].map(
      (what) => `${source.path} ${what}`,
    ),
  );
