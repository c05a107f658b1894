// Bundles the daemon under test as the shipped one is bundled: it starts in a fraction of the time that its sources take.

import { randomUUID } from "node:crypto";
import { rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const ROOT = resolve(import.meta.dirname, "../..");
/** Beside the packages that stay outside the bundle, so that they are found. */
const OUTPUT = join(ROOT, "node_modules/.cache/cocoon-net/crash-daemon.mjs");

/** Answers with the bundle's path. */
export async function buildDaemon(): Promise<string> {
  // By rename: another run may start what stands there.
  const unfinished = `${OUTPUT}.${randomUUID()}`;
  await build({
    absWorkingDir: ROOT,
    entryPoints: [join(import.meta.dirname, "daemon.ts")],
    outfile: unfinished,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    external: ["lmdb", "koffi", "netlink", "unix-dgram"],
    logLevel: "warning",
    // Packages of the older module format call require, which modules do not have.
    banner: {
      js: 'import { createRequire as bannerCreateRequire } from "node:module"; const require = bannerCreateRequire(import.meta.url);',
    },
  });
  await rename(unfinished, OUTPUT);
  return OUTPUT;
}
