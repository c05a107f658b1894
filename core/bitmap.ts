// One node of the tree of taken addresses: 32 slots, each free, full, or partly taken with a child of its own.

/** Slots of a node: the width of the integers that bit operators work on. */
export const SLOTS = 32;
/** How many address bits one node decides. */
export const SLOT_BITS = 5;
const ALL = -1;

/**
 * Invariants: `full` is a subset of `any`; `below` holds, in slot order, exactly the children of the slots that are in
 * `any` but not in `full`; a child is neither empty nor full.
 */
export interface Bitmap {
  /** Slots of which every address is taken. */
  full: number;
  /** Slots of which at least one address is taken. */
  any: number;
  below: readonly Bitmap[];
  /** Taken addresses below a node of at most 2^50 addresses; 0 in larger ones. */
  taken: number;
  /** Taken addresses below a node of more than 2^50 addresses, where numbers would round; 0n in smaller ones. */
  wide: bigint;
  /** Binary logarithm of the largest aligned free block below; -1 when there is none. */
  largest: number;
}

const NO_CHILDREN: readonly Bitmap[] = [];

/** A node in which nothing is taken, of 2^`bits` addresses. */
export function emptyBitmap(bits: number): Bitmap {
  return { full: 0, any: 0, below: NO_CHILDREN, taken: 0, wide: 0n, largest: bits };
}

/** A node in which everything is taken. The caller says how much that is. */
export function fullBitmap(taken: number, wide: bigint): Bitmap {
  return { full: ALL, any: ALL, below: NO_CHILDREN, taken, wide, largest: -1 };
}

export const isFull = (node: Bitmap): boolean => node.full === ALL;
export const isEmpty = (node: Bitmap): boolean => node.any === 0;

/** `2^width` slots from `first` on, as bits. */
export const slotMask = (first: number, width: number): number =>
  width === SLOT_BITS ? ALL : ((1 << (1 << width)) - 1) << first;

/** The slots before `slot`, as bits. */
export const slotsBefore = (slot: number): number => (1 << slot) - 1;

export const hasSlot = (bits: number, slot: number): boolean => ((bits >>> slot) & 1) === 1;

/** How many bits are set. */
export function countSlots(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Slots that begin a free aligned run of `2^width` slots, as bits. */
export function freeRuns(node: Bitmap, width: number): number {
  let runs = ~node.any;
  if (width > 0) runs &= (runs >>> 1) & 0x55555555;
  if (width > 1) runs &= (runs >>> 2) & 0x11111111;
  if (width > 2) runs &= (runs >>> 4) & 0x01010101;
  if (width > 3) runs &= (runs >>> 8) & 0x00010001;
  if (width > 4) runs &= (runs >>> 16) & 1;
  return runs;
}

/** The lowest set slot at or behind `from`; -1 when there is none. */
export function lowestSlot(bits: number, from: number): number {
  const rest = from >= SLOTS ? 0 : bits & (ALL << from);
  return rest === 0 ? -1 : 31 - Math.clz32(rest & -rest);
}

/** The child of a partly taken slot; undefined when the slot is free or full. */
export function childAt(node: Bitmap, slot: number): Bitmap | undefined {
  const partial = node.any & ~node.full;
  return hasSlot(partial, slot) ? node.below[countSlots(partial & slotsBefore(slot))] : undefined;
}

/** Puts a child under a slot that was free or full and makes it partly taken. */
export function addChild(node: Bitmap, slot: number, child: Bitmap): void {
  const position = countSlots(node.any & ~node.full & slotsBefore(slot));
  node.below = node.below.toSpliced(position, 0, child);
  node.any |= 1 << slot;
  node.full &= ~(1 << slot);
}

/** Takes the child of a partly taken slot away; the slot becomes full or free. */
export function removeChild(node: Bitmap, slot: number, becomes: "full" | "free"): void {
  const position = countSlots(node.any & ~node.full & slotsBefore(slot));
  node.below = node.below.length === 1 ? NO_CHILDREN : node.below.toSpliced(position, 1);
  if (becomes === "full") node.full |= 1 << slot;
  else node.any &= ~(1 << slot);
}

/** Binary logarithm of the largest aligned free block within `2^width` slots from `first` on, of 2^`slotBits` addresses each. */
export function largestWithin(
  node: Bitmap,
  first: number,
  width: number,
  slotBits: number,
): number {
  const mask = slotMask(first, width);
  for (let run = width; run >= 0; run--) {
    if ((freeRuns(node, run) & mask) !== 0) return run + slotBits;
  }
  const partial = node.any & ~node.full;
  let largest = -1;
  for (
    let slot = lowestSlot(partial & mask, 0);
    slot >= 0;
    slot = lowestSlot(partial & mask, slot + 1)
  ) {
    const child = node.below[countSlots(partial & slotsBefore(slot))];
    if (child !== undefined && child.largest > largest) largest = child.largest;
  }
  return largest;
}
