// The torture run in one process, by hand and for the tests: episodes until enough operations are done, or one fails.
// node test/torture/in-process.ts [--operations n] [--minutes n] [--seed n] [--first episode] [--report file] [--replay file]

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Failure, noCounts, runEpisode } from "./episode.ts";
import { type Plan, makePlan } from "./generate.ts";
import { episodeSeed } from "./random.ts";
import { type Counts } from "./session.ts";
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
/** How old the report of a run under way may be, in milliseconds: a run that is cut off leaves what it had done. */
const REPORT_EVERY = 30_000;
const STOPPING = ["SIGTERM", "SIGINT"] as const;

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

if (!isPreloaded()) process.exitCode = await preloaded();
else if (values.replay === "") await torture(openSyncedFile());
else await replay(openSyncedFile(), values.replay);

/** The same program with the library before the C library's; its exit code. */
async function preloaded(): Promise<number> {
  buildPreload();
  const child = spawn(process.execPath, process.argv.slice(1), {
    stdio: "inherit",
    env: { ...process.env, LD_PRELOAD: PRELOAD },
  });
  for (const signal of STOPPING) process.on(signal, () => child.kill(signal));
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal !== null) process.stderr.write(`the torture run was ended by ${signal}\n`);
  return code ?? 1;
}

async function torture(disk: SyncedFile): Promise<void> {
  const seed = values.seed === "" ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const run = beginRun(seed, disk);
  const { counts, points } = run;
  process.stdout.write(`TORTURE_SEED=${seed}\n`);
  const end = run.begun + Number(values.minutes) * 60_000;
  let stopped: string | undefined;
  for (const signal of STOPPING) process.on(signal, () => (stopped = signal));
  let reported = run.begun;
  while (counts.operations < Number(values.operations)) {
    if (stopped !== undefined || performance.now() >= end) break;
    const episode = Number(values.first) + run.episodes;
    const plan = makePlan(episodeSeed(seed, episode), EPISODE);
    const { failure, points: met } = await runEpisode(plan, disk, counts);
    run.episodes += 1;
    for (const [name, times] of met) points.set(name, (points.get(name) ?? 0) + times);
    if (failure !== undefined) {
      process.stdout.write(
        `seed ${seed}, episode ${episode}, operation ${failure.at}\nafter ${counts.operations} operations: ${failure.message}\n`,
      );
      const [first = ""] = failure.message.split("\n");
      write({
        ...reportOf(run, "a contradiction"),
        found: `episode ${episode}, operation ${failure.at}: ${first}`,
      });
      await keep(disk, plan, failure);
      process.exitCode = 1;
      return;
    }
    if (performance.now() - reported < REPORT_EVERY) continue;
    reported = performance.now();
    write(reportOf(run, "under way"));
  }
  const all = counts.operations >= Number(values.operations);
  const report = reportOf(run, all ? "all operations done" : (stopped ?? "time was up"));
  write(report);
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

interface Run {
  readonly seed: number;
  /** Undefined when no report is wanted: nothing is committed of a tree with a planted bug. */
  readonly commit: string | undefined;
  readonly disk: SyncedFile;
  readonly begun: number;
  readonly counts: Counts;
  readonly points: Map<string, number>;
  episodes: number;
}

function beginRun(seed: number, disk: SyncedFile): Run {
  return {
    seed,
    commit: values.report === undefined ? undefined : commitOfHere(),
    disk,
    begun: performance.now(),
    counts: noCounts(),
    points: new Map(),
    episodes: 0,
  };
}

function reportOf({ seed, commit, disk, begun, counts, points, episodes }: Run, ended: string) {
  return {
    mode: "in process",
    seed,
    ...(commit === undefined ? {} : { commit }),
    ended,
    operations: counts.operations,
    episodes,
    full: counts.full,
    killed: counts.killed,
    restarts: counts.restarts,
    powerCuts: counts.powerCuts,
    syncs: disk.count(),
    seconds: Math.round((performance.now() - begun) / 1_000),
    byOperation: sorted(counts.byOperation),
    byKillPoint: sorted(points),
  };
}

/** In one step, so that nobody finds half a report. */
function write(report: ReturnType<typeof reportOf> & { readonly found?: string }): void {
  if (values.report === undefined) return;
  const unfinished = `${values.report}.new`;
  writeFileSync(unfinished, `${JSON.stringify(report, undefined, 2)}\n`);
  renameSync(unfinished, values.report);
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
    env: { ...process.env, LD_PRELOAD: "" },
  });
  return told.trim();
}
