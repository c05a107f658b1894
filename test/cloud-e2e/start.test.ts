// What a command loads before it works: no cloud's client library where it is not used.
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { COCOON_NET } from "#test/netns/broker.ts";
import { attempt, type Output } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { openGkeWorld } from "./gke-world.ts";
import { AT_ONCE } from "./volcengine-scenario.ts";
import { openVolcengineWorld } from "./volcengine-world.ts";

const DIST = resolve(import.meta.dirname, "../../dist");
const PRELOAD = join(import.meta.dirname, "tell-modules.ts");
const PEAK_PRELOAD = join(import.meta.dirname, "tell-peak.ts");
/** Packages by which each cloud's client is known in the bundle. */
const GOOGLE = ["gaxios", "google-auth-library"];
const VOLCENGINE = ["@volcengine/openapi", "axios"];

const metafile = z.object({
  outputs: z.record(z.string(), z.object({ inputs: z.record(z.string(), z.unknown()) })),
});

/** Spec of the commands: what a whole `init` may take, in KiB as getrusage counts. */
const PEAK_LIMIT_KIB = 300 * 1024;

/** Packages of clouds' clients among the modules that the command loaded. */
async function clientsLoaded(run: (env: Record<string, string>) => Promise<Output>) {
  await using folder = await temporaryFolder();
  const told = join(folder.path, "modules");
  const output = await run({ NODE_OPTIONS: `--import=${PRELOAD}`, TOLD_MODULES: told });
  expect(output.code, output.stderr).toBe(0);
  const { outputs } = metafile.parse(
    JSON.parse(await readFile(join(DIST, "cocoon-net.mjs.meta.json"), "utf8")),
  );
  const loaded = (await readFile(told, "utf8")).split("\n");
  expect(loaded.some((url) => url.endsWith("/dist/cocoon-net.mjs"))).toBe(true);
  const inputs = Object.entries(outputs)
    .filter(([name]) => loaded.some((url) => url.endsWith(`/${name}`)))
    .flatMap(([, { inputs: made }]) => Object.keys(made));
  const packages = inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...GOOGLE, ...VOLCENGINE].filter((name) => packages.includes(name)).toSorted();
}

test.each([
  [["--help"]],
  [["init", "--help"]],
  [["teardown", "--help"]],
  [["teardown", "--dry-run", "--state-dir", "/nonexistent"]],
])("%j loads no cloud's client", async (words) => {
  const clients = await clientsLoaded((env) => attempt([COCOON_NET, ...words], { env }));
  expect(clients).toEqual([]);
});

test("init on GKE loads Google's client alone", async () => {
  await using world = await openGkeWorld();
  const clients = await clientsLoaded((env) => world.node.tryWith(env, ...world.init, "--dry-run"));
  expect(clients).toEqual(GOOGLE);
});

test("init on Volcengine loads Volcengine's client alone", async () => {
  await using world = await openVolcengineWorld({ settings: AT_ONCE });
  const clients = await clientsLoaded((env) => world.node.tryWith(env, ...world.init, "--dry-run"));
  expect(clients).toEqual(VOLCENGINE);
});

test.each([
  ["GKE", () => openGkeWorld()],
  ["Volcengine", () => openVolcengineWorld({ settings: AT_ONCE })],
] as const)("a whole init on %s stays below 300 MiB", async (_cloud, open) => {
  await using world = await open();
  await using folder = await temporaryFolder();
  const told = join(folder.path, "peak");
  const env = { NODE_OPTIONS: `--import=${PEAK_PRELOAD}`, TOLD_PEAK: told };
  const output = await world.node.tryWith(env, ...world.init);
  expect(output.code, output.stderr).toBe(0);
  const peak = Number(await readFile(told, "utf8"));
  expect(peak).toBeGreaterThan(20 * 1024);
  expect(peak).toBeLessThan(PEAK_LIMIT_KIB);
});
