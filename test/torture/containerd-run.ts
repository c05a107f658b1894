// The torture run with containerd: rounds of pods at once, a kill or a reboot in most of them, and the judge after each.

import { setTimeout as delay } from "node:timers/promises";
import { crashPoints, nameOf } from "#test/crash/points.ts";
import { leasesOf } from "#test/crash/oracle.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { contradictionsOf } from "./containerd-judge.ts";
import { type ContainerdNode, makeContainerdNode } from "./containerd-node.ts";
import {
  type Pods,
  type PodsTally,
  SLOTS,
  forget,
  lateStop,
  makePods,
  podCall,
  removeLeaks,
  tidy,
} from "./containerd-pods.ts";
import { type Random, randomFrom } from "./random.ts";

/** What is killed in one round of each set, in an order of chance. */
const FATES = ["nothing", "containerd", "broker", "broker and containerd", "reboot"] as const;
type Fate = (typeof FATES)[number];
/** A pod's start or stop takes about as long. */
const LATEST_KILL_MS = 1_200;
/** Calls for one pod, one after the other, in a round. */
const IN_A_ROW = 2;
const POINT_LIMIT_MS = 3_000;
const AGREE_LIMIT_MS = 30_000;
/** On a busy machine the broker looks as rarely as twice a minute, and an address must be found dead three times. */
const GRACE_LIMIT_MS = 300_000;
/** More than an unconfirmed lease's grace and than what evidence against a confirmed one must last. */
const GRACE_MS = 180_000;
/** Behind a change the broker waits for more of them before it looks. */
const LOOK_MS = 3_000;
const points = crashPoints()
  .filter(({ verb, kind }) => ["ADD", "DEL", "CONFIRM"].includes(verb) && kind !== "unspool")
  .map(nameOf);

export interface ContainerdReport extends PodsTally {
  readonly mode: "containerd";
  readonly seed: number;
  readonly slots: number;
  /** Calls of rounds in which something was killed. */
  killed: number;
  /** Starts of the broker after a kill. */
  restarts: number;
  /** Times that nothing at all was held for the dead. */
  graces: number;
  seconds: number;
  readonly byKillPoint: Record<string, number>;
}

/** Whole sets of rounds until that many calls were made or the time is over. Throws with every contradiction found. */
export async function tortureContainerd(
  operations: number,
  seed: number,
  minutes = Infinity,
): Promise<ContainerdReport> {
  const random = randomFrom(seed);
  const begun = performance.now();
  const report: ContainerdReport = {
    mode: "containerd",
    seed,
    slots: SLOTS,
    operations: 0,
    full: 0,
    killed: 0,
    restarts: 0,
    graces: 0,
    seconds: 0,
    byOperation: {},
    byKillPoint: {},
  };
  await using node = await makeContainerdNode();
  const pods = makePods(node, random, report);
  pods.guestIp = await node.guestAsks();
  const end = begun + minutes * 60_000;
  while (report.operations < operations && performance.now() < end) {
    for (const fate of shuffled(FATES, random)) {
      const when = `${fate} after ${report.operations} calls of seed ${seed}`;
      await round(pods, fate, report).catch((cause: unknown) => {
        throw new Error(`${when}: ${String(cause)}\n${lastWords(node)}`, { cause });
      });
      await agreed(pods, when);
    }
    await grace(pods, `grace after ${report.operations} calls of seed ${seed}`);
    report.graces += 1;
  }
  report.seconds = Math.round((performance.now() - begun) / 1_000);
  return report;
}

async function round(pods: Pods, fate: Fate, report: ContainerdReport): Promise<void> {
  const { random, node } = pods;
  pods.disturbed = fate !== "nothing";
  const before = report.operations;
  const point = fate.includes("broker") && random.chance(0.5) ? random.pick(points) : undefined;
  if (point !== undefined) node.arm(point);
  const chosen = pods.slots.filter(() => random.chance(0.75));
  const calls = chosen.map(async (slot) => {
    for (let call = 0; call < IN_A_ROW; call += 1) await podCall(pods, slot);
  });
  if (random.chance(0.3)) calls.push(lateStop(pods));
  const death = strike(pods, fate, point);
  const ends = await Promise.allSettled([...calls, death]);
  const failed = ends.find((one) => one.status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  if (fate !== "nothing") {
    report.killed += report.operations - before;
    const at = await death;
    report.byKillPoint[at] = (report.byKillPoint[at] ?? 0) + 1;
  }
  node.arm(undefined);
  if (fate === "reboot") await comeBack(pods);
  if (node.broker.ended() !== undefined) {
    await node.broker.start();
    report.restarts += 1;
  }
  if (!node.runtime.runs()) await node.runtime.start();
  pods.disturbed = false;
  await node.guestAsks();
  await tidy(pods);
}

/** Where it struck. */
async function strike({ random, node }: Pods, fate: Fate, point?: string): Promise<string> {
  const { broker, runtime } = node;
  if (fate === "nothing") return fate;
  await delay(random.real() * LATEST_KILL_MS);
  if (fate === "reboot") {
    await Promise.all([broker.kill(), runtime.kill()]);
    return fate;
  }
  if (fate !== "broker") await runtime.kill();
  if (fate === "containerd") return fate;
  if (point !== undefined)
    await waitFor(() => broker.ended() !== undefined, {
      limit: POINT_LIMIT_MS,
      what: point,
    }).catch(() => undefined);
  const at = broker.ended() === undefined ? "at a random instant" : (point ?? "by itself");
  await broker.kill();
  return fate === "broker" ? `broker ${at}` : `containerd, then broker ${at}`;
}

/** After a reboot no container holds anything, before anything is served; the guest has its own. */
async function comeBack(pods: Pods): Promise<void> {
  const { machine, runtime, broker } = pods.node;
  await runtime.powerOff();
  await machine.reboot();
  await broker.start();
  const leased = (await leasesOf(broker)).filter(({ state }) => state === "leased");
  const left = leased.map(({ ip }) => ip).join(" ");
  if (left !== pods.guestIp) throw new Error(`the reboot left ${left}, not ${pods.guestIp}`);
  for (const slot of pods.slots) {
    if (slot.id !== undefined) pods.gone.add(slot.id);
    forget(slot);
  }
}

/** Whoever is dead by now holds nothing a grace later, though nobody ever calls DEL. */
async function grace(pods: Pods, when: string): Promise<void> {
  const { node } = pods;
  await removeLeaks(pods);
  let found: readonly string[] = [];
  const end = performance.now() + GRACE_LIMIT_MS;
  for (let look = 0; performance.now() < end; look += 1) {
    await node.poke();
    await delay(LOOK_MS);
    found = await contradictionsOf(pods, true);
    if (found.length === 0) return;
    if (look % 2 === 1) node.later(GRACE_MS);
  }
  const known = await node.machine.place.exec(["ip", "-stat", "neigh"]);
  throw new Error(`${when}: ${found.join("; ")}\n${known}\n${lastWords(node)}`);
}

/** Routes follow a start, and what was spooled is made good: for a moment the two may differ. */
async function agreed(pods: Pods, when: string): Promise<void> {
  let found: readonly string[] = [];
  await waitFor(async () => (found = await contradictionsOf(pods, false)).length === 0, {
    limit: AGREE_LIMIT_MS,
    what: "agreement",
  }).catch((cause: unknown) => {
    throw new Error(`${when}: ${found.join("; ")}\n${lastWords(pods.node)}`, { cause });
  });
}

const lastWords = ({ broker, runtime }: ContainerdNode): string =>
  `${broker.logs().slice(-4_000)}\n${runtime.logs().slice(-4_000)}`;

function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  const rest = [...items];
  return items.flatMap(() => rest.splice(random.below(rest.length), 1));
}
