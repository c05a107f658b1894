// What a whole init takes of memory, as the command itself counts it when it ends.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { temporaryFolder } from "#test/netns/temporary.ts";
import type { World } from "./world.ts";

const PRELOAD = join(import.meta.dirname, "tell-peak.ts");
/** Spec of the commands: what a whole `init` may take, in KiB as getrusage counts. */
const LIMIT_KIB = 300 * 1024;

/** Runs the world's usual init; throws unless it ends well and stays below the limit. */
export async function expectSmallInit({ node, init }: World): Promise<void> {
  await using folder = await temporaryFolder();
  const told = join(folder.path, "peak");
  const env = { NODE_OPTIONS: `--import=${PRELOAD}`, TOLD_PEAK: told };
  const output = await node.tryWith(env, ...init);
  expect(output.code, output.stderr).toBe(0);
  const peak = Number(await readFile(told, "utf8"));
  expect(peak).toBeGreaterThan(20 * 1024);
  expect(peak).toBeLessThan(LIMIT_KIB);
}
