// The plugins as a runtime sees them: whole processes, ADD and DEL, spawn to exit, with few and with many leases.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { COCOON_IPAM } from "#test/netns/broker.ts";
import type { Bench, Progress } from "./bench.ts";
import { fill } from "./client.ts";
import { compile } from "./compiled.ts";
import { HOST_LOCAL, hostLocal } from "./host-local.ts";
import {
  type Findings,
  type Measurement,
  type Run,
  measurement,
  ratiosBetween,
  runOf,
  single,
} from "./measure.ts";
import { type BenchNode, startNode } from "./node.ts";

interface Load {
  readonly leases: number;
  /** Calls of one run, one at a time; host-local's time grows with the leases. */
  readonly alone: number;
  /** Calls of one run, {@link CROWD} at a time. */
  readonly crowded: number;
}

const LOADS: readonly Load[] = [
  { leases: 0, alone: 200, crowded: 320 },
  { leases: 1_000, alone: 60, crowded: 128 },
  { leases: 10_000, alone: 30, crowded: 64 },
  { leases: 65_536, alone: 8, crowded: 32 },
];
const QUICK_LOADS: readonly Load[] = [{ leases: 10, alone: 4, crowded: 8 }];
const CROWD = 32;
const ALTERNATIONS = 5;
const QUICK_ALTERNATIONS = 2;
/** Calls before the first that counts: file caches, the broker's compiler. */
const WARM_UP = 300;
const QUICK_WARM_UP = 4;
const SPAWN_LIMIT_MS = 600_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const VERBS = ["ADD", "DEL"] as const;

interface Contestant {
  readonly name: string;
  readonly plugin: string;
  readonly confFile: string;
}

interface Spawned {
  readonly calls: Run;
  /** Calls a second over the whole run. */
  readonly rate: Run;
}

export const pluginBench: Bench = {
  name: "plugin",
  title: "CNI plugin, spawn to exit",
  async measure({ quick, progress }): Promise<Findings> {
    await using node = await startNode();
    const spawn = await compile("spawn", node.folder);
    const peer = await hostLocal(node.folder);
    const contestants = [
      await contestant(node, "cocoon-ipam", COCOON_IPAM, node.conf),
      await contestant(node, "host-local", HOST_LOCAL, peer.conf),
    ];
    const measurements: Measurement[] = [];
    let held = 0;
    for (const load of quick ? QUICK_LOADS : LOADS) {
      progress(`${load.leases} leases: filling`);
      await fill(node, held, load.leases);
      await peer.fill(held, load.leases);
      held = load.leases;
      const crew = new Crew(spawn, node, contestants);
      await crew.warmUp(quick ? QUICK_WARM_UP : Math.min(WARM_UP, load.alone * 2));
      const rounds = quick ? QUICK_ALTERNATIONS : ALTERNATIONS;
      measurements.push(...(await crew.alternate(load, rounds, progress)));
    }
    return {
      measurements,
      ratios: ratiosBetween(measurements, "cocoon-ipam", "host-local"),
      notes: [
        `Contestants alternate run by run; a run is a batch of ADDs and then the DELs of the same containers.`,
        "cocoon-ipam's answer is durable (fdatasync) and its host route stands before it is printed; host-local writes a file without fsync and makes no route.",
      ],
    };
  },
};

async function contestant(
  node: BenchNode,
  name: string,
  plugin: string,
  conf: string,
): Promise<Contestant> {
  const confFile = join(node.folder, `${name}.conf`);
  await writeFile(confFile, conf);
  return { name, plugin, confFile };
}

/** The contestants with the program that spawns them; no container ID is used twice. */
class Crew {
  readonly #spawn: string;
  readonly #node: BenchNode;
  readonly #contestants: readonly Contestant[];
  static #batches = 0;

  constructor(spawn: string, node: BenchNode, contestants: readonly Contestant[]) {
    this.#spawn = spawn;
    this.#node = node;
    this.#contestants = contestants;
  }

  async warmUp(calls: number): Promise<void> {
    for (const one of this.#contestants) await this.#batch(one, calls, 1);
  }

  async alternate(load: Load, rounds: number, progress: Progress): Promise<Measurement[]> {
    const runs = new Map<string, { name: string; contestant: string; unit: string; runs: Run[] }>();
    const keep = (name: string, who: string, unit: string, run: Run): void => {
      const key = `${name} ${who} ${unit}`;
      const row = runs.get(key) ?? { name, contestant: who, unit, runs: [] };
      row.runs.push(run);
      runs.set(key, row);
    };
    for (const concurrency of [1, CROWD])
      for (let round = 0; round < rounds; round += 1) {
        progress(
          `${load.leases} leases, ${concurrency} at a time: round ${round + 1} of ${rounds}`,
        );
        // Who goes first changes, so that neither always follows the other.
        const order = round % 2 === 0 ? this.#contestants : this.#contestants.toReversed();
        for (const one of order) {
          const calls = concurrency === 1 ? load.alone : load.crowded;
          const batch = await this.#batch(one, calls, concurrency);
          for (const verb of VERBS) {
            const name = `${verb}, ${load.leases.toLocaleString("en")} leases, ${concurrency} at a time`;
            keep(name, one.name, "µs", batch[verb].calls);
            if (concurrency > 1) keep(name, one.name, "calls/s", batch[verb].rate);
          }
        }
      }
    return [...runs.values()].map((row) =>
      measurement(row.name, row.contestant, row.unit, row.runs),
    );
  }

  async #batch(
    one: Contestant,
    calls: number,
    concurrency: number,
  ): Promise<Record<(typeof VERBS)[number], Spawned>> {
    Crew.#batches += 1;
    const prefix = `batch-${Crew.#batches}-`;
    const run = (verb: string): Promise<Spawned> =>
      this.#run(one, verb, prefix, calls, concurrency);
    return { ADD: await run("ADD"), DEL: await run("DEL") };
  }

  async #run(
    one: Contestant,
    verb: string,
    prefix: string,
    calls: number,
    concurrency: number,
  ): Promise<Spawned> {
    // As much as a runtime passes on: PATH and the call itself.
    const env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      CNI_COMMAND: verb,
      CNI_NETNS: this.#node.containers.path,
      CNI_IFNAME: "eth0",
      CNI_PATH: this.#node.broker.paths.plugins,
    };
    const options = { env, timeout: SPAWN_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    const numbers = [String(calls), String(concurrency), prefix, one.confFile, one.plugin];
    const { stdout } = await promisify(execFile)(this.#spawn, numbers, options);
    const lines = stdout.trim().split("\n");
    const total = Number(lines.pop()?.replace("total ", ""));
    if (lines.length !== calls || !(total > 0))
      throw new Error(`${one.name} ${verb}: ${lines.length} of ${calls} calls were timed`);
    return { calls: runOf(lines.map(Number)), rate: single((calls * 1e6) / total) };
  }
}
