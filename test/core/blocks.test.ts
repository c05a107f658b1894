// The tree of taken addresses against a deliberately dumb model: a set of numbers, searched one by one.

import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { type Family, familyBits, ip, ipToNumber } from "#core/address.ts";
import { Blocks } from "#core/blocks.ts";
import { type Prefix, formatPrefix, parsePrefix, prefixLast } from "#core/prefix.ts";

/** A window of a family's space in which the model can afford to look at every address. */
interface Window {
  readonly family: Family;
  readonly base: bigint;
  /** Binary logarithm of the window's size. */
  readonly bits: number;
}

const windows: Record<string, Window> = {
  "IPv4 in the middle": { family: 4, base: ipToNumber(ip("10.77.4.0")), bits: 10 },
  "IPv4 at the beginning": { family: 4, base: 0n, bits: 7 },
  "IPv4 at the end": { family: 4, base: 2n ** 32n - 256n, bits: 8 },
  "IPv6 in the middle": { family: 6, base: ipToNumber(ip("2001:db8:7::")), bits: 10 },
  "IPv6 across 2^60": { family: 6, base: 2n ** 60n - 128n, bits: 7 },
  "IPv6 at the end": { family: 6, base: 2n ** 128n - 256n, bits: 8 },
};

type Step =
  | { readonly op: "take"; readonly block: Prefix }
  | { readonly op: "release"; readonly block: Prefix }
  | { readonly op: "takeAddress"; readonly value: bigint }
  | { readonly op: "releaseAddress"; readonly value: bigint }
  | { readonly op: "search"; readonly first: bigint; readonly last: bigint; readonly from: bigint }
  | {
      readonly op: "searchBlock";
      readonly within: Prefix;
      readonly length: number;
      readonly from: bigint;
    };

function steps(window: Window): fc.Arbitrary<Step[]> {
  const offset = fc.integer({ min: 0, max: 2 ** window.bits - 1 });
  const value = offset.map((at) => window.base + BigInt(at));
  const block = fc
    .tuple(offset, fc.integer({ min: 0, max: window.bits }))
    .map(([at, hostBits]) => ({
      family: window.family,
      base: window.base + ((BigInt(at) >> BigInt(hostBits)) << BigInt(hostBits)),
      length: familyBits(window.family) - hostBits,
    }));
  const small = block.filter((one) => one.length > familyBits(window.family) - 6);
  const length = fc.integer({
    min: familyBits(window.family) - window.bits,
    max: familyBits(window.family),
  });
  return fc.array(
    fc.oneof(
      fc.record({ op: fc.constantFrom("take", "take", "release"), block: fc.oneof(small, block) }),
      fc.record({ op: fc.constantFrom("takeAddress", "releaseAddress"), value }),
      fc.record({ op: fc.constant("search"), first: value, last: value, from: value }),
      fc.record({ op: fc.constant("searchBlock"), within: block, length, from: value }),
    ),
    { minLength: 1, maxLength: 60, size: "max" },
  ) as fc.Arbitrary<Step[]>;
}

const addressesOf = (first: bigint, last: bigint): bigint[] =>
  Array.from(
    { length: Math.max(0, Number(last - first) + 1) },
    (_, index) => first + BigInt(index),
  );
const members = (block: Prefix): bigint[] => addressesOf(block.base, prefixLast(block));

/** Does the step on the model and says what the real thing must answer. */
function onModel(taken: Set<bigint>, step: Step): unknown {
  switch (step.op) {
    case "take":
    case "takeAddress": {
      const wanted = step.op === "take" ? members(step.block) : [step.value];
      if (wanted.some((value) => taken.has(value))) return false;
      for (const value of wanted) taken.add(value);
      return true;
    }
    case "release":
    case "releaseAddress": {
      const given = step.op === "release" ? members(step.block) : [step.value];
      if (!given.every((value) => taken.has(value))) return false;
      for (const value of given) taken.delete(value);
      return true;
    }
    case "search":
      return addressesOf(step.first, step.last).find(
        (value) => value >= step.from && !taken.has(value),
      );
    case "searchBlock":
      return freeBlocks(taken, step.within, step.length).find((one) => one.base >= step.from);
    default:
      return step satisfies never;
  }
}

function freeBlocks(taken: Set<bigint>, within: Prefix, length: number): Prefix[] {
  if (length < within.length) return [];
  const size = 1n << BigInt(familyBits(within.family) - length);
  const count = Number((prefixLast(within) - within.base + 1n) / size);
  return Array.from({ length: count }, (_, index) => ({
    family: within.family,
    base: within.base + BigInt(index) * size,
    length,
  })).filter((one) => members(one).every((value) => !taken.has(value)));
}

function onBlocks(blocks: Blocks, step: Step): unknown {
  switch (step.op) {
    case "take":
      return blocks.take(step.block);
    case "release":
      return blocks.release(step.block);
    case "takeAddress":
      return blocks.takeAddress(step.value);
    case "releaseAddress":
      return blocks.releaseAddress(step.value);
    case "search":
      return blocks.nextFree(step.first, step.last, step.from);
    case "searchBlock":
      return blocks.nextFreeBlock(step.within, step.length, step.from);
    default:
      return step satisfies never;
  }
}

describe.each(Object.entries(windows))("Blocks, %s", (_name, window) => {
  const whole: Prefix = {
    family: window.family,
    base: window.base,
    length: familyBits(window.family) - window.bits,
  };

  it("answers every step as the model does and holds the same addresses afterwards", () => {
    fc.assert(
      fc.property(steps(window), (program) => {
        const blocks = new Blocks(window.family);
        const taken = new Set<bigint>();
        for (const step of program) expect(onBlocks(blocks, step)).toEqual(onModel(taken, step));

        expect(members(whole).filter((value) => blocks.isTaken(value))).toEqual(
          [...taken].toSorted((one, other) => (one < other ? -1 : 1)),
        );
        const last = prefixLast(whole);
        const middle = window.base + BigInt((2 ** window.bits / 3) | 0);
        const count = (from: bigint, to: bigint) =>
          BigInt(addressesOf(from, to).filter((value) => taken.has(value)).length);
        expect(blocks.countTaken(window.base, last)).toBe(count(window.base, last));
        expect(blocks.countTaken(window.base, middle)).toBe(count(window.base, middle));
        expect(blocks.countTaken(middle, last)).toBe(count(middle, last));
        expect(blocks.countTaken(0n, (1n << BigInt(familyBits(window.family))) - 1n)).toBe(
          BigInt(taken.size),
        );
        const lengths = Array.from({ length: window.bits + 1 }, (_, index) => whole.length + index);
        expect(blocks.largestFree(whole)).toBe(
          lengths.find((length) => freeBlocks(taken, whole, length).length > 0),
        );
      }),
      { numRuns: 150 },
    );
  });
});

describe("Blocks of every length", () => {
  const lengths = ([4, 6] as const).flatMap((family) =>
    Array.from({ length: familyBits(family) + 1 }, (_, length) => ({ family, length })),
  );

  it.each(lengths)("IPv$family /$length", ({ family, length }) => {
    const bits = BigInt(familyBits(family));
    const size = 1n << (bits - BigInt(length));
    const all: Prefix = { family, base: 0n, length: 0 };
    const pattern = (1n << bits) - 1n - (1n << (bits / 2n));
    const block: Prefix = { family, base: (pattern / size) * size, length };
    const blocks = new Blocks(family);

    expect(blocks.take(block)).toBe(true);
    expect(blocks.take(block)).toBe(false);
    expect(blocks.countTaken(0n, prefixLast(all))).toBe(size);
    expect(blocks.isTaken(block.base) && blocks.isTaken(prefixLast(block))).toBe(true);
    if (block.base > 0n) expect(blocks.isTaken(block.base - 1n)).toBe(false);
    expect(blocks.nextFree(block.base, prefixLast(block), block.base)).toBeUndefined();
    expect(blocks.largestFree(block)).toBeUndefined();
    expect(blocks.largestFree(all)).toBe(length === 0 ? undefined : 1);

    // One address out of the middle of the block, then the block cannot be released as a whole.
    const hole = block.base + size / 2n;
    expect(blocks.releaseAddress(hole)).toBe(true);
    expect(blocks.release(block)).toBe(false);
    expect(blocks.countTaken(0n, prefixLast(all))).toBe(size - 1n);
    expect(blocks.nextFree(block.base, prefixLast(block), block.base)).toBe(hole);
    expect(blocks.nextFreeBlock(block, Number(bits))?.base).toBe(hole);
    expect(blocks.largestFree(block)).toBe(Number(bits));
    expect(blocks.takeAddress(hole)).toBe(true);

    expect(blocks.release(block)).toBe(true);
    expect(blocks.release(block)).toBe(false);
    expect(blocks.countTaken(0n, prefixLast(all))).toBe(0n);
    expect(blocks.largestFree(all)).toBe(0);
  });
});

describe("Blocks as a table of pools", () => {
  const prefix = (text: string): Prefix =>
    parsePrefix(text) ?? expect.fail(`not a prefix: ${text}`);

  it("cuts blocks of mixed lengths out of one pool without overlap", () => {
    const blocks = new Blocks(4);
    const pool = prefix("10.0.0.0/24");
    const given = [26, 28, 25, 28, 32].map((length) => {
      const block = blocks.nextFreeBlock(pool, length);
      if (block !== undefined) blocks.take(block);
      return block === undefined ? undefined : formatPrefix(block);
    });
    expect(given).toEqual([
      "10.0.0.0/26",
      "10.0.0.64/28",
      "10.0.0.128/25",
      "10.0.0.80/28",
      "10.0.0.96/32",
    ]);
    expect(blocks.nextFreeBlock(pool, 26)).toBeUndefined();
    expect(blocks.nextFreeBlock(pool, 23)).toBeUndefined();
    expect(blocks.largestFree(pool)).toBe(28);
  });

  it("counts exactly where numbers would round", () => {
    const blocks = new Blocks(6);
    blocks.take(prefix("2001:db8::/33"));
    blocks.takeAddress(ipToNumber(ip("2001:db8:8000::1")));
    const pool = prefix("2001:db8::/32");
    expect(blocks.countTaken(pool.base, prefixLast(pool))).toBe(2n ** 95n + 1n);
  });

  it("refuses a block of the other family and numbers that are no address", () => {
    expect(() => new Blocks(4).take(prefix("2001:db8::/64"))).toThrow(
      "an IPv6 block among IPv4 ones",
    );
    expect(() => new Blocks(4).takeAddress(2n ** 32n)).toThrow(RangeError);
    expect(() => new Blocks(6).isTaken(-1n)).toThrow(RangeError);
  });
});
