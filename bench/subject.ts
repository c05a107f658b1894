// One pool of the allocator's benchmark: its addresses taken at random, and turns that leave it as full as it was.

import { type Ip, ip, ipToNumber } from "#core/address.ts";
import { Blocks } from "#core/blocks.ts";
import { nextAddress, nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { RangeSet } from "#core/range.ts";

const FIRST = "10.0.0.0";
/** Operations between two looks at the clock; what they need is drawn before. */
const TIMED_TOGETHER = 32;
/** A linear congruential generator (Numerical Recipes): the same addresses in every run. */
const [FACTOR, SUMMAND] = [1_664_525, 1_013_904_223];

/** Nanoseconds of one operation, by case. */
export type Times = Readonly<Record<string, number>>;

export class Subject {
  readonly #set: RangeSet;
  readonly #taken = new Blocks(4);
  /** Small numbers, so that what is drawn of them is not itself far away in memory when it is used. */
  readonly #held: number[] = [];
  readonly #full: boolean;
  #cursor: Ip | undefined;
  #seed = 1;

  constructor(bits: number, share: 0.5 | 1) {
    const subnet = parsePrefix(`${FIRST}/${32 - bits}`);
    if (subnet === undefined) throw new Error(`no pool of 2^${bits}`);
    this.#set = nodePool({ subnet, gateway: ip("10.0.0.1") }).sets[0] ?? [];
    this.#full = share === 1;
    for (;;) {
      const next = nextAddress(this.#set, this.#cursor, this.#taken);
      if (next === undefined) break;
      this.#took(next.ip);
    }
    const keep = Math.floor(this.#held.length * share);
    while (this.#held.length > keep) this.#taken.releaseAddress(BigInt(this.#draw()));
  }

  turn(operations: number): Times {
    return this.#full ? this.#turnFull(operations) : this.#turnRoomy(operations);
  }

  #turnRoomy(operations: number): Times {
    let [allocate, release, nearby] = [0n, 0n, 0n];
    for (let done = 0; done < operations; done += TIMED_TOGETHER) {
      const given = Array.from({ length: TIMED_TOGETHER }, () => BigInt(this.#draw()));
      const begun = process.hrtime.bigint();
      for (const address of given) this.#taken.releaseAddress(address);
      const between = process.hrtime.bigint();
      for (let index = 0; index < TIMED_TOGETHER; index += 1) this.#allocate();
      allocate += process.hrtime.bigint() - between;
      release += between - begun;
      nearby += this.#releaseNeighbours();
    }
    return {
      "half full: allocate": Number(allocate) / operations,
      "half full: release": Number(release) / operations,
      "half full: release, neighbours": Number(nearby) / operations,
    };
  }

  /** Nanoseconds for {@link TIMED_TOGETHER} taken addresses that lie next to one another; they are taken again. */
  #releaseNeighbours(): bigint {
    const { first = 0n, last = 0n } = this.#set[0] ?? {};
    const given: bigint[] = [];
    let address = BigInt(this.#pick());
    for (; given.length < TIMED_TOGETHER; address = address < last ? address + 1n : first)
      if (this.#taken.isTaken(address)) given.push(address);
    const begun = process.hrtime.bigint();
    for (const each of given) this.#taken.releaseAddress(each);
    const nanoseconds = process.hrtime.bigint() - begun;
    for (const each of given) this.#taken.takeAddress(each);
    return nanoseconds;
  }

  #turnFull(operations: number): Times {
    let [find, refuse] = [0n, 0n];
    for (let done = 0; done < operations; done += TIMED_TOGETHER) {
      const given = Array.from({ length: TIMED_TOGETHER }, () => BigInt(this.#pick()));
      const begun = process.hrtime.bigint();
      for (const address of given) {
        this.#taken.releaseAddress(address);
        this.#find(address);
      }
      const between = process.hrtime.bigint();
      for (let index = 0; index < TIMED_TOGETHER; index += 1)
        if (nextAddress(this.#set, this.#cursor, this.#taken) !== undefined)
          throw new Error("an address was free");
      refuse += process.hrtime.bigint() - between;
      find += between - begun;
    }
    return {
      "nearly full: release and find": Number(find) / operations,
      "full: refuse": Number(refuse) / operations,
    };
  }

  #allocate(): void {
    const next = nextAddress(this.#set, this.#cursor, this.#taken);
    if (next === undefined) throw new Error("no address was free");
    this.#took(next.ip);
  }

  /** Takes the one address that is free. */
  #find(free: bigint): void {
    const next = nextAddress(this.#set, this.#cursor, this.#taken);
    if (next === undefined || !this.#taken.takeAddress(ipToNumber(next.ip)))
      throw new Error(`${free} was not found`);
    this.#cursor = next.ip;
  }

  #took(address: Ip): void {
    const value = ipToNumber(address);
    this.#taken.takeAddress(value);
    this.#held.push(Number(value));
    this.#cursor = address;
  }

  /** Any of the taken addresses. */
  #pick(): number {
    const picked = this.#held[this.#index()];
    if (picked === undefined) throw new Error("nothing is held");
    return picked;
  }

  /** The same, and it is held no more: the newest takes its place. */
  #draw(): number {
    const index = this.#index();
    const drawn = this.#held[index];
    const newest = this.#held.pop();
    if (drawn === undefined || newest === undefined) throw new Error("nothing is held");
    if (index < this.#held.length) this.#held[index] = newest;
    return drawn;
  }

  #index(): number {
    this.#seed = (Math.imul(this.#seed, FACTOR) + SUMMAND) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * this.#held.length);
  }
}
