// Which addresses of one family's whole space are taken: a sparse tree of bitmaps that costs nothing until it is used.

import { type Family, familyBits } from "./address.ts";
import {
  type Bitmap,
  SLOT_BITS,
  addChild,
  childAt,
  countSlots,
  emptyBitmap,
  freeRuns,
  fullBitmap,
  hasSlot,
  isEmpty,
  isFull,
  largestWithin,
  lowestSlot,
  removeChild,
  slotMask,
  slotsBefore,
} from "./bitmap.ts";
import { type Prefix, prefixLast } from "./prefix.ts";
import { SlotPath } from "./slot-path.ts";

/** Up to 2^50 addresses are counted in numbers, which are exact there; above, in bigints. */
const NARROW_BITS = 50;
/**
 * Taken addresses of one family. Each operation visits one path of the tree (7 nodes for IPv4, 26 for IPv6) and at
 * most its siblings, however many addresses are taken. Taking and releasing need not match: a block may be released in parts.
 */
export class Blocks {
  readonly family: Family;
  readonly #bits: number;
  readonly #end: bigint;
  readonly #root: Bitmap;
  /** The address or block at hand: the slot to follow on each level. */
  readonly #path: SlotPath;
  /** The nodes along `#path`, as far as the operation at hand has come. */
  readonly #nodes: Bitmap[] = [];

  constructor(family: Family) {
    this.family = family;
    this.#bits = familyBits(family);
    this.#end = 1n << BigInt(this.#bits);
    this.#path = new SlotPath(this.#bits);
    this.#root = emptyBitmap(this.#bits);
    // The root decides the 2 (IPv4) or 3 (IPv6) bits that are left over; its other slots do not exist, so nothing is free there.
    this.#root.any = this.#root.full = ~slotMask(0, this.#bits - this.#path.slotBits(0));
  }

  /** Takes a whole block; false, and nothing changed, when any address of it is taken. */
  take(prefix: Prefix): boolean {
    this.#aim(prefix);
    return this.#takeAt(this.#path.levelOf(prefix.length), prefix.length);
  }

  /** Releases a whole block; false, and nothing changed, when not all of it is taken. */
  release(prefix: Prefix): boolean {
    this.#aim(prefix);
    return this.#releaseAt(this.#path.levelOf(prefix.length), prefix.length);
  }

  /** {@link take} for one address. */
  takeAddress(value: bigint): boolean {
    this.#path.set(value);
    return this.#takeAt(this.#path.depth - 1, this.#bits);
  }

  /** {@link release} for one address. */
  releaseAddress(value: bigint): boolean {
    this.#path.set(value);
    return this.#releaseAt(this.#path.depth - 1, this.#bits);
  }

  isTaken(value: bigint): boolean {
    this.#path.set(value);
    let node = this.#root;
    for (const slot of this.#path.slots) {
      const child = childAt(node, slot);
      if (child === undefined) return hasSlot(node.full, slot);
      node = child;
    }
    return false;
  }

  /** The first free address at or after `from` within `first` to `last` (inclusive); does not wrap. */
  nextFree(first: bigint, last: bigint, from: bigint): bigint | undefined {
    const start = from > first ? from : first;
    if (start > last) return undefined;
    this.#path.set(start);
    if (!this.#search(this.#path.depth - 1, this.#bits)) return undefined;
    const found = this.#path.value();
    return found <= last ? found : undefined;
  }

  /** The first free aligned block of the given prefix length inside `within`, at or after `from`. */
  nextFreeBlock(within: Prefix, length: number, from: bigint = within.base): Prefix | undefined {
    if (length < within.length || length > this.#bits) return undefined;
    const last = prefixLast(within);
    const size = 1n << BigInt(this.#bits - length);
    const start = from > within.base ? ((from + size - 1n) / size) * size : within.base;
    if (start > last) return undefined;
    this.#aim({ family: within.family, base: start, length });
    if (!this.#search(this.#path.levelOf(length), length)) return undefined;
    const base = this.#path.value();
    return base <= last ? { family: this.family, base, length } : undefined;
  }

  /** How many addresses from `first` to `last` (inclusive) are taken. */
  countTaken(first: bigint, last: bigint): bigint {
    return first > last ? 0n : this.#countBefore(last + 1n) - this.#countBefore(first);
  }

  /** The prefix length of the largest free aligned block inside `within`; undefined when nothing is free. */
  largestFree(within: Prefix): number | undefined {
    this.#aim(within);
    const level = this.#path.levelOf(within.length);
    let node = this.#root;
    for (let above = 0; above < level; above++) {
      const slot = this.#path.slot(above);
      const child = childAt(node, slot);
      if (child === undefined) return hasSlot(node.full, slot) ? undefined : within.length;
      node = child;
    }
    const largest = largestWithin(
      node,
      this.#path.slot(level),
      this.#path.width(level, within.length),
      this.#path.slotBits(level),
    );
    return largest < 0 ? undefined : this.#bits - largest;
  }

  #takeAt(level: number, length: number): boolean {
    let node = this.#root;
    for (let above = 0; above < level; above++) {
      const slot = this.#path.slot(above);
      if (hasSlot(node.full, slot)) return false;
      this.#nodes[above] = node;
      let child = childAt(node, slot);
      if (child === undefined) {
        // From here on all is free, so the block will be taken and the new node will not stay empty.
        child = emptyBitmap(this.#path.slotBits(above));
        addChild(node, slot, child);
      }
      node = child;
    }
    const width = this.#path.width(level, length);
    const mask = slotMask(this.#path.slot(level), width);
    if ((node.any & mask) !== 0) return false;
    node.full |= mask;
    node.any |= mask;
    this.#nodes[level] = node;
    this.#settle(level, 2 ** (this.#bits - length));
    return true;
  }

  #releaseAt(level: number, length: number): boolean {
    let node = this.#root;
    for (let above = 0; above < level; above++) {
      const slot = this.#path.slot(above);
      this.#nodes[above] = node;
      let child = childAt(node, slot);
      if (child === undefined) {
        if (!hasSlot(node.full, slot)) return false;
        // All of the slot is taken, so the release will succeed: the part that stays taken gets its own node.
        child = this.#fullChild(above);
        addChild(node, slot, child);
      }
      node = child;
    }
    const mask = slotMask(this.#path.slot(level), this.#path.width(level, length));
    if ((node.full & mask) !== mask) return false;
    node.full &= ~mask;
    node.any &= ~mask;
    this.#nodes[level] = node;
    this.#settle(level, -(2 ** (this.#bits - length)));
    return true;
  }

  /** Brings counts, `largest` and the parents' planes up to date after `change` addresses below `#nodes[level]` changed. */
  #settle(level: number, change: number): void {
    let childHad = 0;
    for (let at = level; at >= 0; at--) {
      const node = this.#node(at);
      const had = node.largest;
      if (this.#isNarrow(at)) node.taken += change;
      else node.wide += BigInt(change);
      if (at === level) node.largest = largestWithin(node, 0, SLOT_BITS, this.#path.slotBits(at));
      else this.#settleAbove(at, node, childHad);
      childHad = had;
    }
  }

  /**
   * The same for the parent on level `at` of a node whose largest free block was `childHad`. The siblings, which are far
   * apart in memory, are asked only when the largest block of all may have been the child's.
   */
  #settleAbove(at: number, node: Bitmap, childHad: number): void {
    const child = this.#node(at + 1);
    const slot = this.#path.slot(at);
    if (isFull(child)) removeChild(node, slot, "full");
    else if (isEmpty(child)) removeChild(node, slot, "free");
    const slotBits = this.#path.slotBits(at);
    const { largest } = child;
    // A slot that is free as a whole may be part of a larger block.
    const wasOrIsFree = childHad === slotBits || largest === slotBits;
    if (wasOrIsFree || (largest < childHad && childHad === node.largest))
      node.largest = largestWithin(node, 0, SLOT_BITS, slotBits);
    else if (largest > node.largest) node.largest = largest;
  }

  /**
   * Moves `#path` to the first free block of `length` at or after it. A slot whose child has no free block so large is
   * passed over unseen, so the search goes astray only along the path it started on.
   */
  #search(level: number, length: number): boolean {
    const width = this.#path.width(level, length);
    const wanted = this.#bits - length;
    let node = this.#root;
    let at = 0;
    let from = this.#path.slot(0);
    for (;;) {
      const slot =
        at === level ? lowestSlot(freeRuns(node, width), from) : roomySlot(node, from, wanted);
      if (slot < 0) {
        if (at === 0) return false;
        at--;
        node = this.#node(at);
        from = this.#path.slot(at) + 1;
        continue;
      }
      if (slot !== this.#path.slot(at)) this.#path.moveTo(at, slot);
      const child = at === level ? undefined : childAt(node, slot);
      if (child === undefined) return true;
      this.#nodes[at] = node;
      node = child;
      at++;
      from = this.#path.slot(at);
    }
  }

  /** Whether nodes on this level count in numbers. */
  #isNarrow(level: number): boolean {
    return this.#path.slotBits(level) + SLOT_BITS <= NARROW_BITS;
  }

  #countBefore(value: bigint): bigint {
    if (value === this.#end) return this.#countOf(this.#root, 0);
    this.#path.set(value);
    let node = this.#root;
    let count = 0n;
    for (let level = 0; level < this.#path.depth; level++) {
      const slot = this.#path.slot(level);
      const slotBits = BigInt(this.#path.slotBits(level));
      const before = slotsBefore(slot);
      count += BigInt(countSlots(node.full & before)) << slotBits;
      const partial = countSlots(node.any & ~node.full & before);
      for (let index = 0; index < partial; index++)
        count += this.#countOf(node.below[index], level + 1);
      if (hasSlot(node.full, slot)) return count + BigInt.asUintN(Number(slotBits), value);
      const child = childAt(node, slot);
      if (child === undefined) return count;
      node = child;
    }
    return count;
  }

  #countOf(node: Bitmap | undefined, level: number): bigint {
    if (node === undefined) return 0n;
    return this.#isNarrow(level) ? BigInt(node.taken) : node.wide;
  }

  #fullChild(above: number): Bitmap {
    const size = 2 ** this.#path.slotBits(above);
    return this.#isNarrow(above + 1) ? fullBitmap(size, 0n) : fullBitmap(0, BigInt(size));
  }

  #node(level: number): Bitmap {
    return this.#nodes[level] ?? this.#root;
  }

  #aim(prefix: Prefix): void {
    if (prefix.family !== this.family)
      throw new RangeError(`an IPv${prefix.family} block among IPv${this.family} ones`);
    this.#path.set(prefix.base);
  }
}

/** The first slot at or behind `from` that is free or whose child has a free block of 2^`wanted` addresses. */
function roomySlot(node: Bitmap, from: number, wanted: number): number {
  const open = ~node.full;
  for (let slot = lowestSlot(open, from); slot >= 0; slot = lowestSlot(open, slot + 1)) {
    const child = childAt(node, slot);
    if (child === undefined || child.largest >= wanted) return slot;
  }
  return -1;
}
