// What a command loads before it works: no cloud's client library where it is not used.
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";
import { COCOON_NET } from "#test/netns/broker.ts";
import { attempt, type Output } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { openGkeWorld } from "./gke-world.ts";
import { expectSmallInit } from "./peak.ts";
import { AT_ONCE } from "./volcengine-scenario.ts";
import { openVolcengineWorld } from "./volcengine-world.ts";

const DIST = resolve(import.meta.dirname, "../../dist");
const PRELOAD = join(import.meta.dirname, "tell-modules.ts");
/** Packages by which each cloud's client is known in the bundle. */
const GOOGLE = ["gaxios", "google-auth-library"];
const VOLCENGINE = ["@volcengine/openapi", "axios"];

const metafile = z.object({
  outputs: z.record(z.string(), z.object({ inputs: z.record(z.string(), z.unknown()) })),
});

/** What a command may read and compile before it works: its start in 150 ms as counts, which no load changes. */
const MOST_FILES = 40;
const MOST_BYTES = 900 * 1024;

interface Loaded {
  /** Packages of clouds' clients among the modules. */
  readonly clients: readonly string[];
  readonly files: number;
  readonly bytes: number;
}

/** What the command loaded. */
async function loadedBy(run: (env: Record<string, string>) => Promise<Output>): Promise<Loaded> {
  await using folder = await temporaryFolder();
  const told = join(folder.path, "modules");
  const output = await run({ NODE_OPTIONS: `--import=${PRELOAD}`, TOLD_MODULES: told });
  expect(output.code, output.stderr).toBe(0);
  const { outputs } = metafile.parse(
    JSON.parse(await readFile(join(DIST, "cocoon-net.mjs.meta.json"), "utf8")),
  );
  const loaded = [...new Set((await readFile(told, "utf8")).split("\n"))];
  expect(loaded.some((url) => url.endsWith("/dist/cocoon-net.mjs"))).toBe(true);
  const inputs = Object.entries(outputs)
    .filter(([name]) => loaded.some((url) => url.endsWith(`/${name}`)))
    .flatMap(([, { inputs: made }]) => Object.keys(made));
  const packages = inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  const files = loaded.filter((url) => url.startsWith("file:"));
  const sizes = files.map((url) => statSync(fileURLToPath(url)).size);
  return {
    clients: [...GOOGLE, ...VOLCENGINE].filter((name) => packages.includes(name)).toSorted(),
    files: files.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

test.each([
  [["--help"]],
  [["init", "--help"]],
  [["teardown", "--help"]],
  [["teardown", "--dry-run", "--state-dir", "/nonexistent"]],
])("%j loads no cloud's client, and little else", async (words) => {
  const { clients, files, bytes } = await loadedBy((env) =>
    attempt([COCOON_NET, ...words], { env }),
  );
  expect(clients).toEqual([]);
  expect(files).toBeLessThanOrEqual(MOST_FILES);
  expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
});

test("init on GKE loads Google's client alone", async () => {
  await using world = await openGkeWorld();
  const { clients } = await loadedBy((env) => world.node.tryWith(env, ...world.init, "--dry-run"));
  expect(clients).toEqual(GOOGLE);
});

test("init on Volcengine loads Volcengine's client alone", async () => {
  await using world = await openVolcengineWorld({ settings: AT_ONCE });
  const { clients } = await loadedBy((env) => world.node.tryWith(env, ...world.init, "--dry-run"));
  expect(clients).toEqual(VOLCENGINE);
});

test.each([
  ["GKE", () => openGkeWorld()],
  ["Volcengine", () => openVolcengineWorld({ settings: AT_ONCE })],
] as const)("a whole init on %s stays below 300 MiB", async (_cloud, open) => {
  await using world = await open();
  await expectSmallInit(world);
});
