// The torture run through real processes: rounds of calls at once, a kill -9 in every few of them, and the judge after each.

import { setTimeout as delay } from "node:timers/promises";
import { crashPoints, nameOf } from "#test/crash/points.ts";
import { contradictions } from "#test/crash/oracle.ts";
import { buildDaemon } from "#test/crash/build-daemon.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type Random, randomFrom } from "./random.ts";
import { type Caller, type Tally, containerCall, guestCall } from "./real-calls.ts";
import { GUESTS, type RealNode, SLOTS, makeRealNode } from "./real-node.ts";

/** Calls that are under way at the same time. */
const AT_ONCE = 28;
/** Of them, calls of guests. */
const GUESTS_AT_ONCE = 8;
/** Calls for one container, one after the other, in a round. */
const IN_A_ROW = 5;
/** The broker dies in one of so many rounds, drawn anew for each set of them: a short run too meets enough kills. */
const ROUNDS_OF_A_KILL = 4;
const LATEST_KILL_MS = 80;
/** Rounds after which the guests' wire is opened anew: it keeps all that it ever heard. */
const WIRE_ROUNDS = 20;
const SETTLE_LIMIT_MS = 15_000;
/** Points that a round of such calls meets. */
const points = crashPoints()
  .filter(
    ({ verb, kind }) =>
      ["ADD", "DEL", "CONFIRM", "REQUEST", "RELEASE", "DISCOVER"].includes(verb) &&
      kind !== "mirror" &&
      kind !== "unspool",
  )
  .map(nameOf);

export interface RealReport extends Tally {
  readonly mode: "real processes";
  readonly seed: number;
  killed: number;
  restarts: number;
  seconds: number;
  readonly byKillPoint: Record<string, number>;
}

/**
 * Half of the operations against the broker as it ships, killed at random instants; half against the same broker with the
 * crash suite's points in it. Throws with every difference found.
 */
export async function tortureReally(
  operations: number,
  seed: number,
  minutes = Infinity,
): Promise<RealReport> {
  const report: RealReport = {
    mode: "real processes",
    seed,
    operations: 0,
    full: 0,
    killed: 0,
    restarts: 0,
    seconds: 0,
    byOperation: {},
    byKillPoint: {},
  };
  const random = randomFrom(seed);
  const deaths = deathsOf(random);
  const begun = performance.now();
  const half = begun + minutes * 30_000;
  const end = begun + minutes * 60_000;
  await phase(report, random, deaths, { operations: operations / 2, end: half }, false);
  await phase(report, random, deaths, { operations, end }, true);
  report.seconds = Math.round((performance.now() - begun) / 1_000);
  return report;
}

async function phase(
  report: RealReport,
  random: Random,
  deaths: () => boolean,
  until: { readonly operations: number; readonly end: number },
  armed: boolean,
): Promise<void> {
  await using world = await makeRealNode(
    armed ? [process.execPath, await buildDaemon()] : undefined,
  );
  const caller: Caller = { world, random, tally: report, generations: [] };
  for (
    let round = 1;
    report.operations < until.operations && performance.now() < until.end;
    round += 1
  ) {
    if (round % WIRE_ROUNDS === 0) await world.renewWire();
    const kill = deaths();
    const point = kill && armed ? random.pick(points) : undefined;
    if (point !== undefined) world.arm(point);
    const calls = begin(caller, random);
    if (kill) {
      const at = await die(world, random, point);
      // One of each row is under way.
      report.killed += calls.length;
      report.restarts += 1;
      report.byKillPoint[at] = (report.byKillPoint[at] ?? 0) + 1;
    }
    const restarted = kill ? restart(world) : Promise.resolve();
    const ends = await Promise.allSettled([...calls, restarted]);
    const failed = ends.find((end) => end.status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    await agreed(world, `round ${round} of seed ${report.seed}`);
  }
}

/** Whether the broker dies in the next round: once in each `ROUNDS_OF_A_KILL` of them. */
function deathsOf(random: Random): () => boolean {
  let round = 0;
  let chosen = 0;
  return () => {
    const place = round % ROUNDS_OF_A_KILL;
    if (place === 0) chosen = random.below(ROUNDS_OF_A_KILL);
    round += 1;
    return place === chosen;
  };
}

/** Rows of calls, side by side. */
function begin(caller: Caller, random: Random): Promise<void>[] {
  const { tally } = caller;
  const slots = distinct(random, AT_ONCE - GUESTS_AT_ONCE, SLOTS);
  const guests = distinct(random, GUESTS_AT_ONCE, GUESTS);
  tally.operations += slots.length * IN_A_ROW + guests.length;
  return [
    ...slots.map(async (slot) => {
      for (let call = 0; call < IN_A_ROW; call += 1) await containerCall(caller, slot);
    }),
    ...guests.map((one) => guestCall(caller, one)),
  ];
}

/** Where the broker died. */
async function die(world: RealNode, random: Random, point: string | undefined): Promise<string> {
  const met = (): boolean => world.broker.ended() !== undefined;
  if (point === undefined) await delay(random.real() * LATEST_KILL_MS);
  else await waitFor(met, { limit: 1_000, what: point }).catch(() => undefined);
  if (met()) return point ?? "by itself";
  await world.broker.kill();
  return "at a random instant";
}

async function restart(world: RealNode): Promise<void> {
  world.arm(undefined);
  await world.broker.start();
}

function distinct(random: Random, many: number, of: number): readonly number[] {
  const chosen = new Set<number>();
  while (chosen.size < many) chosen.add(random.below(of));
  return [...chosen];
}

/** Routes follow a start, and releases have no answer: for a moment the two may differ. */
async function agreed(world: RealNode, when: string): Promise<void> {
  let found: readonly string[] = [];
  await waitFor(async () => (found = await contradictions(world)).length === 0, {
    limit: SETTLE_LIMIT_MS,
    what: "agreement",
  }).catch((cause: unknown) => {
    throw new Error(`${when}: ${found.join("; ")}\n${world.broker.logs().slice(-2_000)}`, {
      cause,
    });
  });
}
