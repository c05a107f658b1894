// The highest rate at which next to nothing is lost, by bisection over a fixed grid of rates.

/** Neighbouring rates differ by 6 %: finer than what two runs on one machine agree to. */
const STEP = 1.06;
const LOWEST_RATE = 500;
const GRID_SIZE = 84;

/** Exchanges a second, ascending, from 500 to about 63,000. */
export const rateGrid: readonly number[] = Array.from({ length: GRID_SIZE }, (_, index) =>
  Math.round(LOWEST_RATE * STEP ** index),
);
/** How far beside an earlier answer the next search begins. */
const NEIGHBOURHOOD = 6;

/**
 * The index of the highest rate of the grid that passes, -1 when none does. `near` is an earlier answer: the search then
 * begins around it, and widens when the answer is not there.
 */
export async function highestPassing(
  passes: (rate: number) => Promise<boolean>,
  near?: number,
): Promise<number> {
  const at = (index: number): Promise<boolean> => passes(rateGrid[index] ?? 0);
  // Invariant: everything up to `low` counts as passed, everything from `high` on as failed.
  let low = -1;
  let high = rateGrid.length;
  if (near !== undefined) {
    const below = near - NEIGHBOURHOOD;
    const above = near + NEIGHBOURHOOD;
    if (below >= 0)
      if (await at(below)) low = below;
      else high = below;
    if (high > above)
      if (await at(above)) low = above;
      else high = above;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await at(middle)) low = middle;
    else high = middle;
  }
  return low;
}
