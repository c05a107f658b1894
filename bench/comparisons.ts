// What two builds of the product are compared by: they take turns, and every figure has a partner taken just before or after.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Progress } from "./bench.ts";
import { fill } from "./client.ts";
import { compile } from "./compiled.ts";
import { Crew, contestant } from "./crew.ts";
import { ours } from "./dhcp-servers.ts";
import { tryRate } from "./guests.ts";
import { type Measurement, measurement, single } from "./measure.ts";
import { type BenchNode, startNode } from "./node.ts";
import { type ReadyListener, listenForReady, restart } from "./restart.ts";
import { inTurn } from "./trial-rows.ts";

export interface Build {
  readonly name: string;
  /** Its `dist` folder. */
  readonly dist: string;
}
export interface CompareOptions {
  readonly rounds: number;
  /** Little of everything, to see that it works: its figures mean nothing. */
  readonly quick: boolean;
  readonly progress: Progress;
}
export type Compare = (builds: readonly Build[], options: CompareOptions) => Promise<Measurement[]>;

const PLUGIN_LOAD = { title: "0 leases", alone: 200, crowded: 320 };
const QUICK_PLUGIN_LOAD = { title: "0 leases", alone: 4, crowded: 8 };
const WARM_UP = 300;
const QUICK_WARM_UP = 4;
/** One that both keep up with, and one that neither does: there, what is served tells the speed. */
const RATES = { steady: 2_000, flood: 14_000 };
const QUICK_RATES = { steady: 50, flood: 100 };
const SECONDS = 3;
const QUICK_SECONDS = 0.5;
const LEASES = 65_536;
const QUICK_LEASES = 100;
/** After READY=1 a broker still writes its mirror and checks its routes: not beside the next one's start. */
const SETTLE_MS = 2_000;

export const comparePlugin: Compare = async (builds, { rounds, quick, progress }) => {
  await using undo = new AsyncDisposableStack();
  const contestants = [];
  for (const { name, dist } of builds) {
    const node = undo.use(await startNode({ dist }));
    contestants.push(await contestant(node, name, join(dist, "cocoon-ipam"), node.conf));
  }
  const { path } = undo.use(await temporaryFolder());
  const crew = new Crew(await compile("spawn", path), contestants);
  await crew.warmUp(quick ? QUICK_WARM_UP : WARM_UP);
  return await crew.alternate(quick ? QUICK_PLUGIN_LOAD : PLUGIN_LOAD, rounds, progress);
};

export const compareDhcp: Compare = async (builds, { rounds, quick, progress }) => {
  await using folder = await temporaryFolder();
  const program = await compile("guests", folder.path);
  const rates = quick ? QUICK_RATES : RATES;
  const seconds = quick ? QUICK_SECONDS : SECONDS;
  const table = new Table();
  for (let round = 0; round < rounds; round += 1)
    for (const { name, dist } of inTurn(builds, round)) {
      progress(`round ${round + 1}: ${name}`);
      const attempt = (rate: number) =>
        tryRate(ours(name, { dist }), { program, rate, seconds, cold: quick });
      const steady = await attempt(rates.steady);
      const flood = await attempt(rates.flood);
      table.keep(`${rates.steady}/s: DISCOVER to ACK, p50`, name, "µs", steady.exchange.p50);
      table.keep(`${rates.steady}/s: processor time`, name, "µs CPU", steady.processorMicroseconds);
      table.keep(`${rates.flood}/s: served`, name, "exchanges/s", flood.bound / flood.seconds);
      table.keep(`${rates.flood}/s: processor time`, name, "µs CPU", flood.processorMicroseconds);
    }
  return table.measurements();
};

export const compareRestart: Compare = async (builds, { rounds, quick, progress }) => {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await temporaryFolder());
  const leases = quick ? QUICK_LEASES : LEASES;
  const contestants: { name: string; node: BenchNode; listener: ReadyListener }[] = [];
  for (const { name, dist } of builds) {
    const listener = undo.use(listenForReady(join(path, `notify-${contestants.length}`)));
    const node = undo.use(await startNode({ dist, env: { NOTIFY_SOCKET: listener.path } }));
    progress(`${name}: filling`);
    await fill(node, 0, leases);
    contestants.push({ name, node, listener });
  }
  const table = new Table();
  for (let round = 0; round < rounds; round += 1)
    for (const routes of ["intact", "gone"] as const)
      for (const { name, node, listener } of inTurn(contestants, round)) {
        progress(`round ${round + 1}: ${name}, routes ${routes}`);
        const { ready, routed } = await restart(node, listener, routes);
        await delay(SETTLE_MS);
        const title = `${leases.toLocaleString("en")} leases, routes ${routes}`;
        table.keep(`${title}: READY=1`, name, "ms", ready);
        if (routes === "gone") table.keep(`${title}: every route stands`, name, "ms", routed);
      }
  return table.measurements();
};

/** Figures by case and contestant, one for each run. */
class Table {
  readonly #rows = new Map<string, { of: [string, string, string]; figures: number[] }>();

  keep(name: string, contestant: string, unit: string, figure: number): void {
    const key = `${name} ${contestant} ${unit}`;
    const row = this.#rows.get(key) ?? { of: [name, contestant, unit], figures: [] };
    row.figures.push(figure);
    this.#rows.set(key, row);
  }

  measurements(): Measurement[] {
    return [...this.#rows.values()].map(({ of, figures }) =>
      measurement(...of, figures.map(single)),
    );
  }
}
