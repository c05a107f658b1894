// The same numbers for the same seed, whatever runs beside: what makes a torture run repeatable.

export interface Random {
  /** From 0 to 1, 1 excluded. */
  real(): number;
  /** A whole number from 0 to `limit`, `limit` excluded. */
  below(limit: number): number;
  chance(share: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
}

/** mulberry32 over a seed of 32 bits. */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  const real = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(real() * limit);
  return {
    real,
    below,
    chance: (share) => real() < share,
    pick<Item>(items: readonly Item[]): Item {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("nothing to pick from");
      return item;
    },
  };
}

/** The seed of one episode of a run: neighbours have nothing in common. */
export const episodeSeed = (seed: number, episode: number): number =>
  Math.imul(seed ^ Math.imul(episode + 1, 0x9e3779b1), 0x85ebca6b) | 0;
