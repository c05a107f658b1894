// The allocator alone, in pools of 2^8 to 2^20 addresses, roomy, nearly full and full; and what it and the ledger hold in memory.

import type { Bench, Progress } from "./bench.ts";
import { bytesOfIndexes, bytesOfState } from "./heap.ts";
import { type Findings, type Run, measurement, ratiosBetween, single } from "./measure.ts";
import { Subject } from "./subject.ts";

const BITS = [8, 12, 16, 20];
const QUICK_BITS = [8, 12];
const LEASES = 65_536;
const QUICK_LEASES = 100;
/** Looks at the memory: each builds all of it anew. */
const READINGS = 5;
/** Pairs of runs, each some milliseconds: so many that a busy moment of the machine is one among others. */
const ROUNDS = 41;
const QUICK_ROUNDS = 5;
/** Operations of one run. */
const OPERATIONS = 8_192;
const QUICK_OPERATIONS = 128;
/** Rounds before the first that counts: the compiler has seen all sizes then. */
const WARM_UP_ROUNDS = 6;

type Keep = (name: string, contestant: string, unit: string, figure: number) => void;

export const allocatorBench: Bench = {
  name: "allocator",
  title: "Allocator",
  async measure({ quick, progress }): Promise<Findings> {
    const rows = new Map<string, Run[]>();
    const keep: Keep = (...row) => {
      const figure = row.pop();
      const key = JSON.stringify(row);
      rows.set(key, [...(rows.get(key) ?? []), single(Number(figure))]);
    };
    const sizes = quick ? QUICK_BITS : BITS;
    measureTimes(sizes, quick, keep, progress);
    measureMemory(sizes, quick ? QUICK_LEASES : LEASES, keep, progress);
    const measurements = [...rows].map(([key, runs]) => {
      const [name = "", contestant = "", unit = ""]: string[] = JSON.parse(key);
      return measurement(name, contestant, unit, runs);
    });
    return {
      measurements,
      ratios: sizes
        .slice(1)
        .flatMap((bits) => ratiosBetween(measurements, nameOf(bits), nameOf(sizes[0] ?? 0)))
        .filter(({ unit }) => unit === "ns"),
      notes: [
        `Pools of all sizes live in one process and take turns, ${OPERATIONS.toLocaleString("en")} operations each; the taken addresses lie at random, the worst there is.`,
        "Half full: allocate finds the next free address and takes it; release gives back one that was drawn at random, or 32 that lie next to one another. Nearly full: one is given back at random, found and taken again, and the figure is that of all three. Full: nothing is found.",
        "2^20 addresses at random are more than the processor's nearest caches hold: what they take longer than neighbours is waiting for memory; the steps in the tree are the same.",
        "State: what the heap grew by when every other address was taken, the worst there is. Indexes: what a ledger in memory adds to its records. After a collection before and after.",
      ],
    };
  },
};

const nameOf = (bits: number): string => `2^${bits}`;

function measureTimes(
  sizes: readonly number[],
  quick: boolean,
  keep: Keep,
  progress: Progress,
): void {
  const operations = quick ? QUICK_OPERATIONS : OPERATIONS;
  const rounds = quick ? QUICK_ROUNDS : ROUNDS;
  for (const share of [0.5, 1] as const) {
    progress(`pools ${share === 1 ? "full" : "half full"}: filling`);
    const subjects = sizes.map((bits) => ({ name: nameOf(bits), pool: new Subject(bits, share) }));
    for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1)
      for (const { name, pool } of round % 2 === 0 ? subjects : subjects.toReversed()) {
        const times = pool.turn(operations);
        if (round < 0) continue;
        for (const [what, nanoseconds] of Object.entries(times))
          keep(what, name, "ns", nanoseconds);
      }
  }
}

function measureMemory(
  sizes: readonly number[],
  leases: number,
  keep: Keep,
  progress: Progress,
): void {
  for (let reading = 1; reading <= READINGS; reading += 1) {
    progress(`memory: reading ${reading}`);
    for (const bits of sizes)
      keep("every other one taken: state", nameOf(bits), "bytes an address", bytesOfState(bits));
    for (const kind of ["containers", "guests"] as const)
      keep(
        `${leases.toLocaleString("en")} leases: indexes`,
        kind,
        "bytes a lease",
        bytesOfIndexes(kind, leases),
      );
  }
}
