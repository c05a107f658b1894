// The rules of the house held against every source file, with planted violations that prove they bite.

import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MAX_LINES, type Source, importsOf, violations } from "./house-rules.ts";

const root = new URL("../", import.meta.url);
const folders = ["core", "plugin", "broker", "provision", "conflist", "cli", "test", "bench"];

function readSources(): Source[] {
  const paths = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" }).map(
      (path) => `${folder}/${path}`,
    ),
  );
  const outside = readdirSync(root).filter((name) => name.endsWith(".ts"));
  return [...paths.filter((path) => path.endsWith(".ts")), ...outside].map((path) => ({
    path,
    text: readFileSync(new URL(path, root), "utf8"),
  }));
}

function declaredPackages(): Set<string> {
  const { dependencies, devDependencies }: { dependencies: object; devDependencies: object } =
    JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  return new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)]);
}

describe("the house", () => {
  it("was really read", () => {
    const sources = readSources();
    const paths = sources.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["core/blocks.ts", "core/ports.ts", "test/architecture.test.ts"]),
    );
    for (const folder of ["core", "plugin", "broker", "test"])
      expect(paths.filter((path) => path.startsWith(`${folder}/`)).length).toBeGreaterThan(3);
    expect(sources.flatMap(({ text }) => importsOf(text)).length).toBeGreaterThan(sources.length);
  });

  it("keeps the dependency rule and the shape of its files", () => {
    expect(violations(readSources(), declaredPackages())).toEqual([]);
  });
});

describe("a planted violation is found", () => {
  const head = "// What this file is for.\n";
  it.each([
    ["core/x.ts", 'import { readFileSync } from "node:fs";', "core/ may not"],
    ["core/x.ts", 'import { z } from "zod";', "core/ may not"],
    ["core/x.ts", 'import { a } from "#broker/config.ts";', "core/ may not"],
    ["core/x.ts", 'import type { A } from "#broker/config.ts";', "core/ may not"],
    ["core/x.ts", 'import {\n  type A,\n  b,\n} from "#broker/config.ts";', "core/ may not"],
    ["core/x.ts", 'const later = await import("node:fs");', "core/ may not"],
    ["core/x.ts", "export const now = () => Date.now();", "uses Date"],
    ["core/x.ts", "export const now = () => new Date();", "uses"],
    ["core/x.ts", "export const roll = () => Math.random();", "uses Math.random"],
    ["core/x.ts", "setTimeout(() => undefined, 1);", "uses setTimeout"],
    ["core/x.ts", 'export const home = process.env["HOME"];', "uses process"],
    ["broker/dhcp/x.ts", 'import { createSocket } from "node:dgram";', "broker/dhcp/ may not"],
    ["broker/node/x.ts", 'import { a } from "#broker/linux/links.ts";', "broker/node/ may not"],
    [
      "broker/stores/x.ts",
      'import { a } from "#broker/api/contract.ts";',
      "broker/stores/ may not",
    ],
    ["broker/stores/x.ts", 'import { connect } from "node:net";', "broker/stores/ may not"],
    ["broker/cni/x.ts", 'import { open } from "lmdb";', "broker/cni/ may not"],
    ["broker/leasing.ts", 'import { a } from "#broker/stores/lmdb.ts";', "adapters are handed in"],
    ["broker/leasing.ts", 'import { a } from "./linux/routes.ts";', "which is in broker/linux/"],
    ["broker/leasing.ts", 'import { a } from "./compose.ts";', "only broker/main.ts"],
    ["broker/leasing.ts", 'import { a } from "#broker/compose.ts";', "adapters are handed in"],
    ["broker/api/x.ts", 'import { a } from "#broker/leasing.ts";', "broker/api/ may not"],
    ["plugin/x.ts", 'import { a } from "#core/address.ts";', "plugin/ may not"],
    ["plugin/x.ts", 'import { connect } from "node:net";', "plugin/ may not"],
    ["conflist/x.ts", 'import { open } from "lmdb";', "conflist/ may not"],
    ["provision/x.ts", 'import { a } from "#broker/config.ts";', "provision/ may not"],
    ["cli/x.ts", 'import { a } from "#broker/leasing.ts";', "cli/ may not"],
    ["cli/commands/x.ts", 'import { a } from "../main.ts";', "write #room/file.ts"],
    ["test/core/x.test.ts", 'import { a } from "../../core/lease.ts";', "write #room/file.ts"],
    ["broker/x.ts", 'import { a } from "./lease";', "name the file with its ending"],
    ["broker/x.ts", 'import { readFileSync } from "fs";', "write node:fs"],
    ["test/x.test.ts", 'import { a } from "left-pad";', "package.json does not declare it"],
    ["attic/x.ts", "export const a = 1;", "lies in no room"],
    ["broker/x.ts", "export default 1;", "default export"],
    ["broker/index.ts", "export const a = 1;", "is a barrel"],
    ["broker/x.ts", 'export * from "./lease.ts";', "is a barrel"],
    ["broker/x.ts", 'export { a } from "./lease.ts";', "is a barrel"],
    ["broker/utils.ts", "export const a = 1;", "named after nothing"],
    ["broker/LeaseTable.ts", "export const a = 1;", "kebab-case"],
    ["broker/x.ts", "\n".repeat(MAX_LINES) + "export const a = 1;", "more than 300"],
  ])("%s: %s", (path, text, what) => {
    const found = violations([{ path, text: head + text }], new Set(["zod", "lmdb"]));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(what);
  });

  it("in a file without its opening comment", () => {
    expect(violations([{ path: "core/x.ts", text: "export const a = 1;" }], new Set())).toEqual([
      "core/x.ts does not begin with a comment that says what it is for",
    ]);
  });

  it.each([
    [
      "core/x.ts",
      'import { a } from "./y.ts";\n// The Date. of process( comes from outside.\nexport const text = "process.exit()";',
    ],
    [
      "broker/compose.ts",
      'import { a } from "./stores/lmdb.ts";\nimport { b } from "#broker/linux/routes.ts";\nimport { c } from "node:path";',
    ],
    ["broker/main.ts", 'import { a } from "./compose.ts";\nimport { argv } from "node:process";'],
    [
      "broker/stores/x.ts",
      'import { open } from "lmdb";\nimport { join } from "node:path";\nimport { a } from "./y.ts";',
    ],
    [
      "cli/commands/x.ts",
      'import { a } from "#broker/api/client.ts";\nimport { b } from "#cli/output.ts";',
    ],
    [
      "test/x.test.ts",
      'import { a } from "#broker/stores/lmdb.ts";\nimport { z } from "zod/mini";',
    ],
  ])("and none where there is none: %s", (path, text) => {
    expect(violations([{ path, text: head + text }], new Set(["zod", "lmdb"]))).toEqual([]);
  });
});
