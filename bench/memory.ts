// How much memory the broker holds when it has been idle for a minute, and whether wear makes it grow.

import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { COOLING_TIME } from "#core/limits.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import type { Bench, Progress } from "./bench.ts";
import { createCniClient, fill, inParallel } from "./client.ts";
import { type Findings, type Measurement, measurement, single } from "./measure.ts";
import { type BenchNode, startNode } from "./node.ts";

const LEASES = [0, 140, 65_536];
const QUICK_LEASES = [0, 10];
const IDLE_MS = 60_000;
const QUICK_IDLE_MS = 100;
const WORN_LEASES = 140;
const PAIRS = 200_000;
const QUICK_PAIRS = 20;
/** Readings on the way. */
const STEPS = 2;
/** Pairs before the reading that growth is counted from: as many as a part, after which the ledger's map has its largest size. */
const WARM_UP_PAIRS = PAIRS / STEPS;
const QUICK_WARM_UP_PAIRS = 4;
const PARALLEL_PAIRS = 32;
const KIB_PER_MIB = 1_024;

export const memoryBench: Bench = {
  name: "memory",
  title: "Broker memory",
  async measure({ quick, progress }): Promise<Findings> {
    const idle = quick ? QUICK_IDLE_MS : IDLE_MS;
    const counters: Record<string, Memory> = {};
    const measurements: Measurement[] = [];
    const read = async (name: string, node: BenchNode): Promise<void> => {
      progress(`${name}: idle`);
      await delay(idle);
      const memory = await memoryOf(node.broker.pid());
      counters[name] = memory;
      measurements.push(measurement(name, "broker", "MiB VmRSS", [single(memory.VmRSS)]));
    };
    await measureHolding(quick, read, progress);
    await measureWear(quick, read, progress);
    measurements.push(growthOf(measurements, quick ? QUICK_PAIRS : PAIRS));
    return {
      measurements,
      ratios: [],
      notes: [
        `Each figure is VmRSS of the broker's one process after ${idle / 1000} s without a call; it includes the pages of the ledger's map.`,
        `A pair is an ADD with its confirmation and a DEL of the same container, ${PARALLEL_PAIRS} at a time; the broker counts as idle when the last address that was given back has cooled (130 s).`,
      ],
      counters,
    };
  },
};

type Read = (name: string, node: BenchNode) => Promise<void>;

async function measureHolding(quick: boolean, read: Read, progress: Progress): Promise<void> {
  await using node = await startNode();
  let held = 0;
  for (const leases of quick ? QUICK_LEASES : LEASES) {
    progress(`${leases} leases: filling`);
    await fill(node, held, leases);
    held = leases;
    await read(`${leases.toLocaleString("en")} leases`, node);
  }
  await node.broker.kill();
  await node.broker.start();
  await read(`${held.toLocaleString("en")} leases, restarted`, node);
}

async function measureWear(quick: boolean, read: Read, progress: Progress): Promise<void> {
  await using node = await startNode();
  await fill(node, 0, WORN_LEASES);
  let made = 0;
  const wear = async (pairs: number): Promise<void> => {
    using client = await createCniClient(node);
    const first = made;
    made += pairs;
    await inParallel(
      pairs,
      async (number) => {
        await client.add(`worn-${first + number}`);
        await client.del(`worn-${first + number}`);
      },
      PARALLEL_PAIRS,
    );
    if (quick) return;
    progress("cooling");
    await delay(COOLING_TIME);
    await waitFor(() => noneCools(node), { what: "the end of cooling", limit: COOLING_TIME });
  };
  progress("warming up");
  await wear(quick ? QUICK_WARM_UP_PAIRS : WARM_UP_PAIRS);
  await read(wornName(0), node);
  const pairs = quick ? QUICK_PAIRS : PAIRS;
  for (let step = 1; step <= STEPS; step += 1) {
    progress(`pairs: ${step} of ${STEPS} parts`);
    await wear(pairs / STEPS);
    await read(wornName((pairs / STEPS) * step), node);
  }
}

async function noneCools({ broker }: BenchNode): Promise<boolean> {
  const { body } = await broker.ask("GET", "/metrics");
  const cooling = /^cocoon_net_addresses\{pool="node",state="cooling"\} (\d+)$/m.exec(String(body));
  return cooling === null || cooling[1] === "0";
}

const wornName = (pairs: number): string =>
  `${WORN_LEASES} leases, ${pairs.toLocaleString("en")} pairs after warm-up`;

/** The last reading under wear as a multiple of the first: growth of one process, not a ratio of contestants. */
function growthOf(measurements: readonly Measurement[], pairs: number): Measurement {
  const held = (name: string): number => {
    const found = measurements.find((one) => one.case === name);
    if (found === undefined) throw new Error(`nothing was read of ${name}`);
    return found.median;
  };
  const growth = held(wornName(pairs)) / held(wornName(0));
  const name = `growth over ${pairs.toLocaleString("en")} pairs`;
  return measurement(name, "broker", "× before", [single(growth)]);
}

/** In MiB, named as /proc/<pid>/status names them. */
interface Memory {
  readonly VmRSS: number;
  readonly RssAnon: number;
  readonly RssFile: number;
}

async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text);
    if (match === null) throw new Error(`/proc/${pid}/status has no ${name}`);
    return Number(match[1]) / KIB_PER_MIB;
  };
  return { VmRSS: field("VmRSS"), RssAnon: field("RssAnon"), RssFile: field("RssFile") };
}
