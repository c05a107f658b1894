// What the benchmarks compute from their samples, and how they search for the highest rate.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { measurement, median, percentile, ratiosBetween, runOf, single } from "#bench/measure.ts";
import { highestPassing, highestRates, rateGrid } from "#bench/rate-search.ts";

describe("samples", () => {
  test.each([
    [[7], 7, 7],
    [[3, 1, 2], 2, 3],
    [[4, 1, 3, 2], 2.5, 4],
    [Array.from({ length: 200 }, (_, index) => index + 1), 100.5, 198],
  ])("%j", (samples, middle, high) => {
    expect(median(samples)).toBe(middle);
    expect(percentile(samples, 0.99)).toBe(high);
  });

  test("of none there is no median", () => {
    expect(() => runOf([])).toThrow("no sample");
  });
});

describe("ratios", () => {
  const row = (name: string, contestant: string, values: number[]) =>
    measurement(name, contestant, "ms", values.map(single));

  test("pair the runs in their order, not by size", () => {
    const rows = [row("a", "ours", [1, 6, 3]), row("a", "theirs", [2, 2, 12])];
    expect(ratiosBetween(rows, "ours", "theirs")).toEqual([
      {
        case: "a",
        unit: "ms",
        of: "ours",
        to: "theirs",
        pairs: [0.5, 3, 0.25],
        median: 0.5,
        min: 0.25,
        max: 3,
      },
    ]);
  });

  test("are not made to nothing, nor across cases", () => {
    const rows = [row("a", "ours", [1]), row("a", "theirs", [0]), row("b", "theirs", [1])];
    expect(ratiosBetween(rows, "ours", "theirs")).toEqual([]);
  });
});

describe("the search for the highest rate", () => {
  const search = async (highest: number, near?: number) => {
    const tried: number[] = [];
    const passes = async (rate: number): Promise<boolean> => {
      tried.push(rate);
      return rate <= (rateGrid[highest] ?? 0);
    };
    return { found: await highestPassing(passes, near), tried };
  };
  const index = fc.integer({ min: -1, max: rateGrid.length - 1 });

  test("finds it, wherever it begins", async () => {
    await fc.assert(
      fc.asyncProperty(index, fc.option(index, { nil: undefined }), async (highest, near) => {
        expect((await search(highest, near)).found).toBe(highest);
      }),
    );
  });

  test("needs few trials, fewer near an earlier answer, and none twice", async () => {
    for (const highest of rateGrid.keys()) {
      const far = await search(highest);
      const near = await search(highest, highest);
      expect(far.tried.length).toBeLessThanOrEqual(7);
      expect(near.tried.length).toBeLessThanOrEqual(5);
      expect(new Set(far.tried).size).toBe(far.tried.length);
      expect(new Set(near.tried).size).toBe(near.tried.length);
    }
  });

  test("is made once a round for each, in turns, and forgives one failure", async () => {
    const order: string[] = [];
    let unlucky = true;
    const runner = (name: string, highest: number) => ({
      name,
      passes: async (rate: number) => {
        if (order.at(-1) !== name) order.push(name);
        if (unlucky && name === "slow") {
          unlucky = false;
          return false;
        }
        return rate <= highest;
      },
    });
    const [low = 0, high = 0] = [rateGrid[20], rateGrid[90]];
    const found = await highestRates(
      [runner("slow", low), runner("fast", high), runner("dead", 0)],
      3,
      () => undefined,
    );
    expect([...found]).toEqual([
      ["slow", [low, low, low]],
      ["fast", [high, high, high]],
      ["dead", [0, 0, 0]],
    ]);
    const turns = "slow fast dead fast slow fast dead";
    expect(order.join(" ")).toBe(turns);
  });
});
