// The allocator alone: an address found and taken, or given back, in pools of 2^8 to 2^20 addresses, roomy, nearly full and full.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Ip, ip, ipFamily, ipToNumber, ipv4FromUint } from "#core/address.ts";
import { Blocks } from "#core/blocks.ts";
import { nextAddress, nodePool, poolSize } from "#core/pool.ts";
import { type Prefix, parsePrefix } from "#core/prefix.ts";
import type { RangeSet } from "#core/range.ts";
import type { Bench } from "./bench.ts";
import { type Findings, type Measurement, type Run, measurement, single } from "./measure.ts";

const BITS = [8, 12, 16, 20];
const QUICK_BITS = [8];
const RUNS = 5;
const QUICK_RUNS = 1;
/** Operations that are timed together: enough that the clock does not show. */
const OPERATIONS = 50_000;
const QUICK_OPERATIONS = 200;
/** Primes: addresses are given back in an order that visits all of them, and no two neighbours after one another. */
const STRIDES = [7_919, 104_729, 61];
const FIRST = "10.0.0.0";

export const allocatorBench: Bench = {
  name: "allocator",
  title: "Allocator",
  async measure({ quick, progress }): Promise<Findings> {
    const operations = quick ? QUICK_OPERATIONS : OPERATIONS;
    const rows = new Map<string, Run[]>();
    const keep = (name: string, unit: string, figure: number): void => {
      const key = `${name}\n${unit}`;
      rows.set(key, [...(rows.get(key) ?? []), single(figure)]);
    };
    for (let run = 0; run < (quick ? QUICK_RUNS : RUNS); run += 1)
      for (const bits of quick ? QUICK_BITS : BITS) {
        progress(`run ${run + 1}: 2^${bits} addresses`);
        const pool = new Subject(bits);
        keep(`2^${bits}, half full: allocate`, "ns", pool.fillTo(0.5).allocate(operations));
        keep(`2^${bits}, half full: release`, "ns", pool.release(operations));
        keep(`2^${bits}, nearly full: allocate`, "ns", pool.fillTo(1).allocateLast(operations));
        keep(`2^${bits}, full: refuse`, "ns", pool.refuse(operations));
        keep(`2^${bits}, every other one taken: state`, "bytes an address", bytesOf(bits));
      }
    const measurements: Measurement[] = [...rows].map(([key, runs]) => {
      const [name = "", unit = ""] = key.split("\n");
      return measurement(name, "allocator", unit, runs);
    });
    const notes = [
      "Half full and nearly full: an address is given back for each that is taken, so that the pool stays as it is; a figure is that of one of the two, or of both where it is nearly full and the one free address must be found.",
      "State: what the heap grew by when every other address was taken, the worst there is, after a collection before and after.",
    ];
    return { measurements, ratios: [], notes };
  },
};

/** One pool of addresses as a node has it, with the taken ones. */
class Subject {
  readonly #set: RangeSet;
  readonly #taken = new Blocks(4);
  readonly #size: number;
  readonly #stride: number;
  #cursor: Ip | undefined;
  #at = 0;
  #held: Ip[] = [];

  constructor(bits: number) {
    this.#set = poolOf(bits);
    this.#size = Number(poolSize(this.#set));
    this.#stride = STRIDES.find((prime) => this.#size % prime !== 0) ?? 1;
  }

  fillTo(share: number): this {
    while (this.#held.length < Math.floor(this.#size * share)) this.#held.push(this.#take());
    return this;
  }

  /** Nanoseconds of one allocation; what was there before is given back untimed. */
  allocate(count: number): number {
    const batch = Math.min(count, Math.floor(this.#size / 4));
    return this.#timed(
      count,
      batch,
      () => this.#held.push(this.#take()),
      () => this.#give(),
    );
  }

  release(count: number): number {
    const batch = Math.min(count, Math.floor(this.#size / 4));
    return this.#timed(
      count,
      batch,
      () => this.#give(),
      () => this.#held.push(this.#take()),
    );
  }

  /** One is given back somewhere and must be found. */
  allocateLast(count: number): number {
    const both = (): void => {
      this.#give();
      this.#held.push(this.#take());
    };
    return this.#timed(count, count, both, () => undefined);
  }

  refuse(count: number): number {
    const refuse = (): void => {
      if (nextAddress(this.#set, this.#cursor, this.#taken) !== undefined)
        throw new Error("an address was free");
    };
    return this.#timed(count, count, refuse, () => undefined);
  }

  #timed(count: number, batch: number, act: () => void, undo: () => void): number {
    let nanoseconds = 0n;
    for (let done = 0; done < count; done += batch) {
      const begun = process.hrtime.bigint();
      for (let index = 0; index < batch; index += 1) act();
      nanoseconds += process.hrtime.bigint() - begun;
      for (let index = 0; index < batch; index += 1) undo();
    }
    return Number(nanoseconds) / (Math.ceil(count / batch) * batch);
  }

  #take(): Ip {
    const next = nextAddress(this.#set, this.#cursor, this.#taken);
    if (next === undefined) throw new Error("no address was free");
    this.#taken.takeAddress(ipToNumber(next.ip));
    this.#cursor = next.ip;
    return next.ip;
  }

  /** The address a stride behind the one given back last; the newest takes its place. */
  #give(): void {
    this.#at = (this.#at + this.#stride) % this.#held.length;
    const index = this.#at;
    const given = this.#held[index];
    const newest = this.#held.pop();
    if (given === undefined || newest === undefined) throw new Error("nothing is held");
    if (index < this.#held.length) this.#held[index] = newest;
    this.#taken.releaseAddress(ipToNumber(given));
  }
}

function poolOf(bits: number): RangeSet {
  const subnet: Prefix | undefined = parsePrefix(`${FIRST}/${32 - bits}`);
  if (subnet === undefined) throw new Error(`no pool of 2^${bits}`);
  return nodePool({ subnet, gateway: ip("10.0.0.1") }).sets[0] ?? [];
}

/** Bytes of the heap for each address of a pool of which every other one is taken. */
function bytesOf(bits: number): number {
  const before = heap();
  const taken = new Blocks(ipFamily(ip(FIRST)));
  const first = ipToNumber(ip(FIRST));
  for (let offset = 0; offset < 2 ** bits; offset += 2) taken.takeAddress(first + BigInt(offset));
  const grown = heap() - before;
  // Asked once more, so that it is alive until then.
  if (!taken.isTaken(ipToNumber(ipv4FromUint(Number(first))))) throw new Error("not taken");
  return Math.max(0, grown) / 2 ** bits;
}

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

function heap(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
