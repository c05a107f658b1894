// Which files of node_modules a package brings: what the native add-ons need to be loaded on Linux x86-64 by Node 24, no more.

import { globSync } from "node:fs";
import { join } from "node:path";

/**
 * The packages that the bundle leaves outside (build.ts: `external`), and what these load in their turn. Licences and
 * package.json are always taken. A file that is missing here is found by the test that loads every add-on from the package.
 */
export const shippedModules: Readonly<Record<string, readonly string[]>> = {
  lmdb: [
    "*.js",
    "util/*.js",
    "dist/index.cjs",
    "dict/dict.txt",
    "dependencies/**/LICENSE",
    "dependencies/**/COPYRIGHT",
  ],
  "@lmdb/lmdb-linux-x64": ["node.napi.glibc.node", "index.js"],
  "@harperfast/extended-iterable": ["dist/*.{js,cjs,mjs}", "index.js"],
  msgpackr: ["*.js", "dist/node.cjs"],
  "msgpackr-extract": ["index.js"],
  "@msgpackr-extract/msgpackr-extract-linux-x64": ["node.napi.glibc.node", "index.js"],
  "ordered-binary": ["index.js", "dist/index.cjs"],
  "weak-lru-cache": ["*.js", "dist/index.cjs"],
  "node-gyp-build-optional-packages": ["index.js", "node-gyp-build.js"],
  "detect-libc": ["lib/*.js"],
  koffi: [
    "index.js",
    "index.cjs",
    "src/koffi/index.js",
    "src/koffi/index.cjs",
    "src/koffi/src/*.{js,cjs}",
  ],
  "@koromix/koffi-linux-x64": ["index.js", "linux_x64/koffi.node"],
  netlink: ["dist/**/*.js", "prebuilds/linux-x64/node.napi.node"],
  "node-gyp-build": ["index.js", "node-gyp-build.js"],
  "unix-dgram": ["lib/unix_dgram.js", "build/Release/unix_dgram.node"],
  bindings: ["bindings.js"],
  "file-uri-to-path": ["index.js"],
};

const ALWAYS = ["package.json", "{LICENSE,LICENCE,COPYING,COPYRIGHT}*"];
/** What stands in those folders beside what is needed. */
const NEVER = /(^|\/)(rollup\.config\.js|test-worker\.js|cnoke\.cjs)$/;

/** Paths below `nodeModules` of every file that is shipped, sorted. Throws when a pattern that names one file finds none. */
export function shippedModuleFiles(nodeModules: string): string[] {
  const files = Object.entries(shippedModules).flatMap(([name, patterns]) =>
    [...ALWAYS, ...patterns].flatMap((pattern) => {
      const found = globSync(pattern, { cwd: join(nodeModules, name) });
      if (found.length === 0 && !/[*{]/.test(pattern)) {
        throw new Error(
          `${join(nodeModules, name, pattern)} is missing; run test/setup/npm.sh, and if it still is, the package's layout has changed: mend packaging/modules.ts`,
        );
      }
      return found.filter((file) => !NEVER.test(file)).map((file) => join(name, file));
    }),
  );
  return [...new Set(files)].toSorted();
}
