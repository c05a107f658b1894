// The largest free blocks after every taking and giving back: what the tree remembers of them must not grow old.

import { expect, test } from "vitest";
import fc from "fast-check";
import { ip, ipToNumber } from "#core/address.ts";
import { Blocks } from "#core/blocks.ts";
import type { Prefix } from "#core/prefix.ts";

/** Three levels of the tree lie within the window, and few addresses of it are used, so that many are taken and given back. */
const WINDOW_BITS = 15;
/** Where one level ends and the next begins, which are nodes of their own. */
const LEVELS = [5, 10, WINDOW_BITS];
const window: Prefix = {
  family: 4,
  base: ipToNumber(ip("10.64.0.0")),
  length: 32 - WINDOW_BITS,
};
const PLACES = [0, 1, 31, 32, 63, 64, 512, 1_023, 1_024, 2_048, 8_191, 16_384, 24_576, 32_767];

/** The first block of 2^`bits` addresses, aligned, without a taken one among the window's first 2^`within`. */
function firstFree(taken: ReadonlySet<number>, bits: number, within: number): number | undefined {
  const occupied = new Set([...taken].map((offset) => Math.floor(offset / 2 ** bits)));
  for (let block = 0; block < 2 ** (within - bits); block += 1)
    if (!occupied.has(block)) return block * 2 ** bits;
  return undefined;
}

function expectSame(blocks: Blocks, taken: ReadonlySet<number>, within: number): void {
  const part = { ...window, length: 32 - within };
  const sizes = Array.from({ length: within + 1 }, (_, bits) => bits);
  const wanted = sizes.map((bits) => firstFree(taken, bits, within));
  const found = sizes.map((bits) => {
    const block = blocks.nextFreeBlock(part, 32 - bits);
    return block === undefined ? undefined : Number(block.base - window.base);
  });
  expect(found).toEqual(wanted);
  const largest = wanted.findLastIndex((first) => first !== undefined);
  expect(blocks.largestFree(part)).toBe(largest < 0 ? undefined : 32 - largest);
}

test("the first free block of every size is found, whatever was taken and given back before", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...PLACES), { maxLength: 60, size: "max" }), (steps) => {
      const blocks = new Blocks(4);
      const taken = new Set<number>();
      for (const place of steps) {
        const address = window.base + BigInt(place);
        if (taken.delete(place)) blocks.releaseAddress(address);
        else {
          taken.add(place);
          blocks.takeAddress(address);
        }
        for (const within of LEVELS) expectSame(blocks, taken, within);
      }
    }),
  );
});

test("the same in a window that is full but for what is given back", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...PLACES), { maxLength: 30, size: "max" }), (steps) => {
      const blocks = new Blocks(4);
      const free = new Set<number>();
      blocks.take(window);
      for (const place of steps) {
        const address = window.base + BigInt(place);
        if (free.delete(place)) blocks.takeAddress(address);
        else {
          free.add(place);
          blocks.releaseAddress(address);
        }
        const smallest = [...free].toSorted((one, other) => one - other)[0];
        const next = blocks.nextFreeBlock(window, 32);
        expect(next && Number(next.base - window.base)).toBe(smallest);
        const pairs = [...free].filter((one) => one % 2 === 0 && free.has(one + 1)).length > 0;
        expect(blocks.largestFree(window)).toBe(free.size === 0 ? undefined : pairs ? 31 : 32);
      }
    }),
  );
});
