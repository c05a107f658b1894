// Addresses far apart, each with nodes of its own: what one of them is told must not reach another, whoever had its place before.

import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { type Family, familyBits } from "#core/address.ts";
import { Blocks } from "#core/blocks.ts";

/** More than the tree has room for at first, several times over. */
const PLACES = 200;
/** The addresses that a node next to them has, so that taking them all leaves it full. */
const SIZE = 1_024;
const SIZE_BITS = 10;

interface Step {
  readonly place: number;
  readonly offset: number;
  readonly op: "take" | "release" | "take all" | "release all";
}
const step: fc.Arbitrary<Step> = fc.record({
  place: fc.integer({ min: 0, max: PLACES - 1 }),
  offset: fc.constantFrom(0, 1, 31, 32, 700, SIZE - 1),
  op: fc.constantFrom("take", "take", "release", "take all", "release all"),
});

/** Does the step on a place of the model, a byte for each address, and says whether it could be done. */
function onModel(model: Uint8Array, { offset, op }: Step): boolean {
  const taking = op.startsWith("take");
  const part = op.endsWith("all") ? model : model.subarray(offset, offset + 1);
  if (part.includes(taking ? 1 : 0)) return false;
  part.fill(taking ? 1 : 0);
  return true;
}

function onBlocks(blocks: Blocks, base: bigint, { offset, op }: Step): boolean {
  const address = base + BigInt(offset);
  const block = { family: blocks.family, base, length: familyBits(blocks.family) - SIZE_BITS };
  switch (op) {
    case "take":
      return blocks.takeAddress(address);
    case "release":
      return blocks.releaseAddress(address);
    case "take all":
      return blocks.take(block);
    case "release all":
      return blocks.release(block);
    default:
      return op satisfies never;
  }
}

test.each<Family>([4, 6])("IPv%s addresses with a hundred nodes and more", (family) => {
  const last = (1n << BigInt(familyBits(family))) - 1n;
  const baseOf = (place: number): bigint => BigInt(place) << BigInt(familyBits(family) - 8);
  fc.assert(
    fc.property(fc.array(step, { minLength: 300, maxLength: 1_500, size: "max" }), (steps) => {
      const blocks = new Blocks(family);
      const models = Array.from({ length: PLACES }, () => new Uint8Array(SIZE));
      for (const current of steps) {
        const model = models[current.place] ?? expect.fail("no such place");
        expect(onBlocks(blocks, baseOf(current.place), current)).toBe(onModel(model, current));
      }
      let all = 0n;
      for (const [place, model] of models.entries()) {
        const base = baseOf(place);
        const taken = BigInt(model.reduce((sum, one) => sum + one, 0));
        all += taken;
        expect(blocks.countTaken(base, base + BigInt(SIZE - 1))).toBe(taken);
        const free = model.indexOf(0);
        expect(blocks.nextFree(base, last, base)).toBe(base + BigInt(free < 0 ? SIZE : free));
      }
      expect(blocks.countTaken(0n, last)).toBe(all);
    }),
    { numRuns: 30 },
  );
});

test("a node that became full leaves nothing of its count to the next one, however large it was", () => {
  const blocks = new Blocks(6);
  const eighth = 1n << 57n;
  for (let index = 0n; index < 8n; index++)
    expect(blocks.take({ family: 6, base: index * eighth, length: 128 - 57 })).toBe(true);
  const far = 1n << 100n;
  expect(blocks.takeAddress(far)).toBe(true);
  expect(blocks.countTaken(0n, 1n << 101n)).toBe(8n * eighth + 1n);
});

test.each(["Uint8Array", "Int16Array", "Int32Array", "Float64Array"] as const)(
  "where memory lacks for a larger %s, nothing taken is forgotten",
  (name) => {
    const blocks = new Blocks(4);
    const taken: bigint[] = [];
    let failures = 0;
    for (let place = 0n; place < 200n; place++) {
      const address = place << 24n;
      vi.stubGlobal(name, noArray);
      try {
        if (blocks.takeAddress(address)) taken.push(address);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        failures++;
      } finally {
        vi.unstubAllGlobals();
      }
      if (!taken.includes(address) && blocks.takeAddress(address)) taken.push(address);
      expect(taken).toHaveLength(Number(place) + 1);
      expect(taken.filter((one) => !blocks.isTaken(one))).toEqual([]);
    }
    expect(failures).toBeGreaterThan(0);
    expect(blocks.countTaken(0n, 2n ** 32n - 1n)).toBe(200n);
  },
);

/** In place of a typed array's constructor. */
function noArray(): never {
  throw new RangeError("Array buffer allocation failed");
}
