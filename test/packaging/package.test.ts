// The packages: the same bytes twice, complete by themselves, and content with the libraries of Ubuntu 22.04.

import { mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makePackages } from "#packaging/package.ts";
import {
  compareVersions,
  NEWEST_ALLOWED,
  tooNew,
  versionNeeds,
} from "#packaging/symbol-versions.ts";
import { foldersElves } from "#packaging/tree.ts";
import { run } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

/** Compressing twice 130 MB takes its time on a machine that does other things too. */
const PACKAGE_LIMIT_MS = 300_000;
const ADDONS = ["lmdb", "koffi", "netlink", "unix-dgram"];
const undo = new AsyncDisposableStack();
let folder: string;
let made: ReturnType<typeof makePackages>;

beforeAll(async () => {
  folder = undo.use(await temporaryFolder()).path;
  for (const name of ["first", "second", "deb", "archive"]) mkdirSync(join(folder, name));
  made = makePackages(join(folder, "first"));
  await run(["dpkg-deb", "--extract", made.deb, join(folder, "deb")]);
  await run(["tar", "-C", join(folder, "archive"), "-xzf", made.archive]);
}, PACKAGE_LIMIT_MS);
afterAll(() => undo.disposeAsync());

const installed = (): string => join(folder, "deb/usr/lib/cocoon-net");

test(
  "are the same bytes when made again, under another umask",
  () => {
    const umask = process.umask(0o077);
    try {
      const again = makePackages(join(folder, "second"));
      for (const kind of ["archive", "deb", "sums"] as const) {
        expect(readFileSync(again[kind]).equals(readFileSync(made[kind])), kind).toBe(true);
      }
    } finally {
      process.umask(umask);
    }
  },
  PACKAGE_LIMIT_MS,
);

test("are what SHA256SUMS says", async () => {
  const checked = await run(["sha256sum", "--check", "SHA256SUMS"], { cwd: join(folder, "first") });
  expect(checked).toBe(`${basename(made.archive)}: OK\n${basename(made.deb)}: OK\n`);
});

describe("glibc 2.35 and later", () => {
  test("every ELF file of the package needs nothing newer", () => {
    const elves = new Map(foldersElves(installed()));
    // Found nothing would also be nothing too new.
    expect([...elves.keys()].filter((file) => file.endsWith(".node")).length).toBeGreaterThan(4);
    expect(elves.get("bin/node")).toContain("GLIBC_2.28");
    expect(elves.get("cocoon-ipam")).toEqual([]);
    expect([...elves].flatMap(([file, needs]) => tooNew(needs).map((n) => `${file} ${n}`))).toEqual(
      [],
    );
  });

  test("the reader finds what readelf finds", async () => {
    for (const [file, needs] of foldersElves(installed())) {
      const text = await run(["readelf", "--version-info", "--wide", join(installed(), file)]);
      const section = text.split(".gnu.version_r")[1] ?? "";
      const names = [...section.matchAll(/Name: (\S+)/g)].map((match) => match[1] ?? "");
      expect(needs, file).toEqual([...new Set(names)].toSorted());
    }
  });

  test.each([
    ["GLIBC_2.35", []],
    ["GLIBC_2.36", ["GLIBC_2.36"]],
    ["GLIBC_2.4", []],
    ["GLIBCXX_3.4.30", []],
    ["GLIBCXX_3.4.31", ["GLIBCXX_3.4.31"]],
    ["GLIBC_ABI_DT_RELR", ["GLIBC_ABI_DT_RELR"]],
    ["LIBFOO_1", ["LIBFOO_1"]],
  ])("%s: too new are %j", (need, refused) => {
    expect(tooNew([need])).toEqual(refused);
  });

  test("refuses what is no ELF file", () => {
    expect(() => versionNeeds(Buffer.alloc(100))).toThrow("not a 64-bit little-endian ELF file");
    expect(compareVersions(NEWEST_ALLOWED["GLIBC"] ?? "", "2.35")).toBe(0);
  });
});

test("neither brings source maps, which Node is not told to read", async () => {
  const files = async (name: string) =>
    run(["find", installed(), "-name", "node_modules", "-prune", "-o", "-name", name, "-print"]);
  expect(await files("*.map")).toBe("");
  // Found nothing could also be looked for nothing.
  expect((await files("*.mjs")).split("\n").length).toBeGreaterThan(2);
});

test("every add-on loads in the package's own Node, with nothing else to find modules in", async () => {
  for (const name of ADDONS) {
    const code = `import(${JSON.stringify(name)}).then(() => console.log("loaded"))`;
    const node = [join(installed(), "bin/node"), "--input-type=module", "--eval", code];
    expect(await run(["env", "-i", ...node], { cwd: installed() }), name).toBe("loaded\n");
  }
});

test("both bring the same private folder, and dpkg owns nothing outside of it but documents", async () => {
  const archive = join(folder, "archive/cocoon-net");
  const differing = await run([
    "sh",
    "-c",
    'diff -rq "$1" "$2" || true',
    "sh",
    archive,
    installed(),
  ]);
  expect(differing.trim().split("\n").toSorted()).toEqual([
    `Only in ${archive}: copyright`,
    `Only in ${archive}: gke-role.yaml`,
    `Only in ${archive}: gke.md`,
    `Only in ${archive}: install.md`,
    `Only in ${archive}: volcengine-policy.json`,
    `Only in ${archive}: volcengine.md`,
  ]);
  const owned = (await run(["dpkg-deb", "--contents", made.deb])).trim().split("\n");
  const paths = owned
    .map((line) => line.split(/\s+/)[5] ?? "")
    .filter((path) => !path.endsWith("/"));
  const outside = paths.filter((path) => !path.startsWith("./usr/lib/cocoon-net/"));
  expect(outside).toEqual([
    "./usr/share/doc/cocoon-net/copyright",
    "./usr/share/doc/cocoon-net/gke-role.yaml",
    "./usr/share/doc/cocoon-net/gke.md",
    "./usr/share/doc/cocoon-net/install.md",
    "./usr/share/doc/cocoon-net/volcengine-policy.json",
    "./usr/share/doc/cocoon-net/volcengine.md",
  ]);
  expect(owned.filter((line) => !/ root\/root /.test(line))).toEqual([]);
});

test("names every bundled part with its licence", () => {
  const text = readFileSync(join(folder, "deb/usr/share/doc/cocoon-net/copyright"), "utf8");
  for (const part of [...ADDONS, "commander", "yaml", "zod", "pino", "Node.js", "QuickJS"]) {
    expect(text).toMatch(new RegExp(`^- ${part} [\\d.-]+ \\(.+\\)$`, "m"));
  }
  expect(text).toContain("OpenLDAP Public License");
});

test("holds no path of the machine that built it", async () => {
  const root = join(import.meta.dirname, "../..");
  const found = await run(["sh", "-c", 'grep -rlF "$1" "$2" || true', "sh", root, installed()]);
  expect(found).toBe("");
});
