// Thirty-two slots as the bits of one integer, and what the allocator asks of them.

/** Slots of a word: the width of the integers that bit operators work on. */
export const SLOTS = 32;
/** How many address bits one word decides. */
export const SLOT_BITS = 5;
/** All slots, as bits. */
export const ALL = -1;

/** `2^width` slots from `first` on, as bits; fewer than all. */
export const slotMask = (first: number, width: number): number =>
  ((1 << (1 << width)) - 1) << first;

/** The slots before `slot`, as bits. */
export const slotsBefore = (slot: number): number => (1 << slot) - 1;

export const hasSlot = (bits: number, slot: number): boolean => ((bits >>> slot) & 1) === 1;

/** How many bits are set. */
export function countSlots(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Slots that may begin an aligned run of `2^width`, as bits, by width. */
const ALIGNED = [ALL, 0x55555555, 0x11111111, 0x01010101, 0x00010001, 1] as const;

/** Of the slots that are not in `taken`, those that begin an aligned run of `2^width`, as bits. */
export function freeRuns(taken: number, width: number): number {
  let runs = ~taken;
  for (let half = 0; half < width && runs !== 0; half++)
    runs &= (runs >>> (1 << half)) & (ALIGNED[half + 1] ?? 0);
  return runs;
}

/** Binary logarithm of the largest such run within `mask`, which is one of {@link slotMask}'s; -1 when there is none. */
export function largestRun(taken: number, mask: number): number {
  let runs = ~taken & mask;
  let width = -1;
  while (runs !== 0) {
    width++;
    runs &= (runs >>> (1 << width)) & (ALIGNED[width + 1] ?? 0);
  }
  return width;
}

/** The lowest set slot at or behind `from`; -1 when there is none. */
export function lowestSlot(bits: number, from: number): number {
  const rest = from >= SLOTS ? 0 : bits & (ALL << from);
  return rest === 0 ? -1 : 31 - Math.clz32(rest & -rest);
}
