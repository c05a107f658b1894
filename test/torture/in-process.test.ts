// The torture run in short: one seed that is always the same and one that never is. TORTURE_SEED sets the latter.

import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "#test/netns/temporary.ts";

const OPERATIONS = 30_000;
/** Of all operations, in percent: as many meet a full pool, and as many a killed broker, at least. */
const SHARE = 5;
const LIMIT_MS = 240_000;
const FIXED = 20_261_121;

const seeds = [
  ["the same each time", FIXED],
  ["another each time", Number(process.env["TORTURE_SEED"] ?? Math.floor(Math.random() * 2 ** 31))],
] as const;

it.each(seeds)(
  `keeps every promise over ${OPERATIONS} operations (seed %s: %d)`,
  async (_which, seed) => {
    await using folder = await temporaryFolder();
    const report = join(folder.path, "report.json");
    const wanted = ["--seed", String(seed), "--operations", String(OPERATIONS)];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, "in-process.ts"), ...wanted, "--report", report],
      { encoding: "utf8", cwd: folder.path },
    );
    process.stdout.write(`TORTURE_SEED=${seed}\n`);
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    const { operations, full, killed } = JSON.parse(await readFile(report, "utf8")) as Record<
      "operations" | "full" | "killed",
      number
    >;
    expect((100 * full) / operations).toBeGreaterThanOrEqual(SHARE);
    expect((100 * killed) / operations).toBeGreaterThanOrEqual(SHARE);
  },
  LIMIT_MS,
);
