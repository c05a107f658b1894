// The torture run in one process, by hand and for the tests: episodes until enough operations are done, or one fails.
// node test/torture/in-process.ts [--operations n] [--minutes n] [--seed n] [--first episode] [--report file] [--replay file]

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Failure, noCounts, runEpisode } from "./episode.ts";
import { type Plan, makePlan } from "./generate.ts";
import { episodeSeed } from "./random.ts";
import { shrink } from "./shrink.ts";
import {
  PRELOAD,
  type SyncedFile,
  buildPreload,
  isPreloaded,
  openSyncedFile,
} from "./synced-file.ts";

/** Operations of one episode: long enough for pools to fill, short enough to be shortened. */
const EPISODE = 600;

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "20000" },
    seed: { type: "string", default: process.env["TORTURE_SEED"] ?? "" },
    first: { type: "string", default: "0" },
    minutes: { type: "string", default: "Infinity" },
    report: { type: "string" },
    replay: { type: "string", default: process.env["TORTURE_REPLAY"] ?? "" },
    failure: { type: "string", default: "torture-failure.json" },
    whole: { type: "boolean", default: false },
  },
});

if (!isPreloaded()) {
  buildPreload();
  const { status } = spawnSync(process.execPath, process.argv.slice(1), {
    stdio: "inherit",
    env: { ...process.env, LD_PRELOAD: PRELOAD },
  });
  process.exitCode = status ?? 1;
} else if (values.replay === "") await torture(openSyncedFile());
else await replay(openSyncedFile(), values.replay);

async function torture(disk: SyncedFile): Promise<void> {
  const seed = values.seed === "" ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const wanted = Number(values.operations);
  const counts = noCounts();
  const points = new Map<string, number>();
  process.stdout.write(`TORTURE_SEED=${seed}\n`);
  const begun = performance.now();
  let episode = Number(values.first);
  const end = begun + Number(values.minutes) * 60_000;
  for (; counts.operations < wanted && performance.now() < end; episode += 1) {
    const plan = makePlan(episodeSeed(seed, episode), EPISODE);
    const { failure, points: met } = await runEpisode(plan, disk, counts);
    for (const [name, times] of met) points.set(name, (points.get(name) ?? 0) + times);
    if (failure === undefined) continue;
    process.stdout.write(
      `seed ${seed}, episode ${episode}, operation ${failure.at}\nafter ${counts.operations} operations: ${failure.message}\n`,
    );
    await keep(disk, plan, failure);
    process.exitCode = 1;
    return;
  }
  const report = {
    mode: "in process",
    seed,
    // Nothing is committed of a tree with a planted bug.
    ...(values.report === undefined ? {} : { commit: commitOfHere() }),
    operations: counts.operations,
    episodes: episode - Number(values.first),
    full: counts.full,
    killed: counts.killed,
    restarts: counts.restarts,
    powerCuts: counts.powerCuts,
    syncs: disk.count(),
    seconds: Math.round((performance.now() - begun) / 1_000),
    byOperation: sorted(counts.byOperation),
    byKillPoint: sorted(points),
  };
  if (values.report !== undefined)
    writeFileSync(values.report, `${JSON.stringify(report, undefined, 2)}\n`);
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** Writes the shortest sequence found that still fails. */
async function keep(disk: SyncedFile, plan: Plan, failure: Failure): Promise<void> {
  if (values.whole) return;
  const short = await shrink(plan, failure, (shorter) => runEpisode(shorter, disk, noCounts()));
  writeFileSync(values.failure, `${JSON.stringify(short.plan, undefined, 1)}\n`);
  process.stdout.write(
    `${short.plan.operations.length} operations are enough: TORTURE_REPLAY=${values.failure}\n${short.failure.message}\n`,
  );
  for (const operation of short.plan.operations)
    process.stdout.write(`  ${JSON.stringify(operation)}\n`);
}

async function replay(disk: SyncedFile, path: string): Promise<void> {
  const plan = JSON.parse(readFileSync(path, "utf8")) as Plan;
  const { failure } = await runEpisode(plan, disk, noCounts());
  process.stdout.write(
    failure === undefined ? "no contradiction\n" : `operation ${failure.at}: ${failure.message}\n`,
  );
  process.exitCode = failure === undefined ? 0 : 1;
}

function sorted(map: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...map].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function commitOfHere(): string {
  const told = execFileSync("git", ["rev-parse", "HEAD"], {
    encoding: "utf8",
    cwd: import.meta.dirname,
  });
  return told.trim();
}
