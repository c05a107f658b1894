// Addresses as blocks: exactly those addresses, and no two blocks that could be one.

import fc from "fast-check";
import { expect, test } from "vitest";
import { alignedBlocks } from "#core/aligned-blocks.ts";
import { type Prefix, formatPrefix, prefixLast, prefixSize } from "#core/prefix.ts";

/** Runs of neighbours, which single addresses drawn at random hardly ever are; up to the last address that there is. */
const addresses = fc
  .array(
    fc.record({
      first: fc.oneof(fc.nat(600), fc.integer({ min: 0xffff_fe00, max: 0xffff_ffff })),
      size: fc.nat(300),
    }),
    { maxLength: 8 },
  )
  .map((runs) => {
    const all = runs.flatMap(({ first, size }) =>
      Array.from({ length: size }, (_, index) => first + index).filter((one) => one < 2 ** 32),
    );
    return Uint32Array.from(new Set(all)).toSorted();
  });

const addressesOf = (block: Prefix): number[] =>
  Array.from({ length: Number(prefixSize(block)) }, (_, index) => Number(block.base) + index);

test("the blocks hold exactly the addresses, in order, each of them aligned", () => {
  fc.assert(
    fc.property(addresses, (list) => {
      const blocks = [...alignedBlocks(list)];
      expect(blocks.flatMap(addressesOf)).toEqual([...list]);
      for (const block of blocks) expect(block.base % prefixSize(block)).toBe(0n);
    }),
  );
});

test("no two neighbours could be one block", () => {
  fc.assert(
    fc.property(addresses, (list) => {
      const blocks = [...alignedBlocks(list)];
      for (const [index, block] of blocks.entries()) {
        const next = blocks[index + 1];
        const joined = 2n * prefixSize(block);
        const isWhole = next?.length === block.length && next.base === prefixLast(block) + 1n;
        if (isWhole) expect(block.base % joined).not.toBe(0n);
      }
    }),
  );
});

test("the whole of a range is one block", () => {
  const list = Uint32Array.from({ length: 2 ** 16 }, (_, index) => 0x0a5a_0000 + index);
  expect([...alignedBlocks(list)].map(formatPrefix)).toEqual(["10.90.0.0/16"]);
});
