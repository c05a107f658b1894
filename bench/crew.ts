// The plugins' contestants and the program that spawns them, taking turns: whole processes, as a runtime starts them.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import type { Progress } from "./bench.ts";
import { type Measurement, type Run, measurement, runOf, single } from "./measure.ts";
import type { BenchNode } from "./node.ts";

const CROWD = 32;
const SPAWN_LIMIT_MS = 600_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const VERBS = ["ADD", "DEL"] as const;

export interface Load {
  /** What the calls meet, such as `1,000 leases`. */
  readonly title: string;
  /** Calls of one run, one at a time. */
  readonly alone: number;
  /** Calls of one run, {@link CROWD} at a time; not measured when absent. */
  readonly crowded?: number;
}

export interface Contestant {
  readonly name: string;
  readonly plugin: string;
  readonly confFile: string;
  /** CNI_NETNS; a `%d` in it stands for the call's number. */
  readonly netns: string;
  /** CNI_PATH. */
  readonly path: string;
  /** Where the plugin is run; in the benchmark's own namespace when absent. */
  readonly within?: NetworkNamespace;
}

interface Spawned {
  readonly calls: Run;
  /** Calls a second over the whole run. */
  readonly rate: Run;
}

/** `conf` is what a runtime would give the plugin, for containers of the node. */
export async function contestant(
  node: BenchNode,
  name: string,
  plugin: string,
  conf: string,
): Promise<Contestant> {
  const confFile = join(node.folder, `${basename(name)}.conf`);
  await writeFile(confFile, conf);
  return { name, plugin, confFile, netns: node.containers.path, path: node.broker.paths.plugins };
}

/** The contestants with the program that spawns them; no container ID is used twice. */
export class Crew {
  readonly #spawn: string;
  readonly #contestants: readonly Contestant[];
  static #batches = 0;

  constructor(spawn: string, contestants: readonly Contestant[]) {
    this.#spawn = spawn;
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
    const crowded = load.crowded === undefined ? [] : [{ concurrency: CROWD, calls: load.crowded }];
    for (const { concurrency, calls } of [{ concurrency: 1, calls: load.alone }, ...crowded])
      for (let round = 0; round < rounds; round += 1) {
        progress(`${load.title}, ${concurrency} at a time: round ${round + 1} of ${rounds}`);
        // Who goes first changes, so that neither always follows the other.
        const order = round % 2 === 0 ? this.#contestants : this.#contestants.toReversed();
        for (const one of order) {
          const batch = await this.#batch(one, calls, concurrency);
          for (const verb of VERBS) {
            const name = `${verb}, ${load.title}, ${concurrency} at a time`;
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
      CNI_NETNS: one.netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: one.path,
    };
    const options = { env, timeout: SPAWN_LIMIT_MS, maxBuffer: MAX_OUTPUT_BYTES };
    const numbers = [String(calls), String(concurrency), prefix, one.confFile, one.plugin];
    const within = one.within === undefined ? [] : ["ip", "netns", "exec", one.within.name];
    const [program = "", ...rest] = [...within, this.#spawn, ...numbers];
    const { stdout } = await promisify(execFile)(program, rest, options);
    const lines = stdout.trim().split("\n");
    const total = Number(lines.pop()?.replace("total ", ""));
    if (lines.length !== calls || !(total > 0))
      throw new Error(`${one.name} ${verb}: ${lines.length} of ${calls} calls were timed`);
    return { calls: runOf(lines.map(Number)), rate: single((calls * 1e6) / total) };
  }
}
