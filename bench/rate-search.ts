// The highest rate at which next to nothing is lost, by bisection over a fixed grid of rates.

/** Neighbouring rates differ by 6 %: finer than what two runs on one machine agree to. */
const STEP = 1.06;
export const LOWEST_RATE = 100;
const GRID_SIZE = 112;

/** Exchanges a second, ascending, from 100 to about 64,000. */
export const rateGrid: readonly number[] = Array.from({ length: GRID_SIZE }, (_, index) =>
  Math.round(LOWEST_RATE * STEP ** index),
);
/** The first step away from an earlier answer; each further one is twice as long. */
const FIRST_STEP = 2;

/**
 * The index of the highest rate of the grid that passes, -1 when none does. `near` is an earlier answer: the search then
 * walks away from it until the new answer is enclosed, so that one odd trial does not send it far.
 */
export async function highestPassing(
  passes: (rate: number) => Promise<boolean>,
  near?: number,
): Promise<number> {
  const at = (index: number): Promise<boolean> => passes(rateGrid[index] ?? 0);
  let { low, high } = near === undefined ? WHOLE_GRID : await enclose(at, Math.max(near, 0));
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await at(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Everything up to `low` counts as passed, everything from `high` on as failed. */
interface Enclosed {
  readonly low: number;
  readonly high: number;
}
const WHOLE_GRID: Enclosed = { low: -1, high: GRID_SIZE };

async function enclose(at: (index: number) => Promise<boolean>, near: number): Promise<Enclosed> {
  const upwards = await at(near);
  let edge = near;
  for (let step = FIRST_STEP; ; step *= 2) {
    const next = upwards ? edge + step : edge - step;
    if (next <= WHOLE_GRID.low) return { low: WHOLE_GRID.low, high: edge };
    if (next >= WHOLE_GRID.high) return { low: edge, high: WHOLE_GRID.high };
    if ((await at(next)) !== upwards)
      return upwards ? { low: edge, high: next } : { low: next, high: edge };
    edge = next;
  }
}

/** Something to be tried at a rate: true when it keeps up. */
export interface Runner {
  readonly name: string;
  passes(rate: number): Promise<boolean>;
}

/**
 * The highest rate of each runner, once a round, taking turns in going first; 0 when none passes. A rate that fails is tried
 * once more, for each runner, and each search after the first begins near the first one's answer.
 */
export async function highestRates(
  runners: readonly Runner[],
  rounds: number,
  tell: (found: string) => void,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const indexes = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1)
    for (const runner of round % 2 === 0 ? runners : runners.toReversed()) {
      const earlier = indexes.get(runner.name) ?? [];
      const index = await highestPassing(
        async (rate) => (await runner.passes(rate)) || (await runner.passes(rate)),
        earlier[0],
      );
      tell(`round ${round + 1}: ${runner.name} up to ${rateGrid[index] ?? 0}/s`);
      indexes.set(runner.name, [...earlier, index]);
    }
  const rates = ([name, found]: [string, number[]]): [string, number[]] => [
    name,
    found.map((index) => rateGrid[index] ?? 0),
  ];
  return new Map([...indexes].map(rates));
}
