// Which addresses of one family's whole space are taken: a sparse tree of bitmaps that costs nothing until it is used.

import { type Family, familyBits } from "./address.ts";
import { type Node, Nodes } from "./nodes.ts";
import { type Prefix, prefixLast } from "./prefix.ts";
import { largestWithin, refreshLargest, roomySlot } from "./room.ts";
import { SlotPath } from "./slot-path.ts";
import { ALL, SLOT_BITS, freeRuns, hasSlot, largestRun, lowestSlot, slotMask } from "./slots.ts";
import { takenBefore } from "./taken-before.ts";

/**
 * Taken addresses of one family. Each operation visits one path of the tree (7 levels for IPv4, 26 for IPv6) and at
 * most its siblings, however many addresses are taken. Taking and releasing need not match: a block may be released in parts.
 */
export class Blocks {
  readonly family: Family;
  readonly #bits: number;
  readonly #end: bigint;
  readonly #nodes = new Nodes();
  readonly #root: Node;
  /** The address or block at hand: the slot to follow on each level. */
  readonly #path: SlotPath;
  /** The level of the stems: what is on the level below are the addresses, as bits of words. */
  readonly #stem: number;
  /** The nodes along `#path`, as far as the operation at hand has come. */
  readonly #way: Node[] = [];

  constructor(family: Family) {
    this.family = family;
    this.#bits = familyBits(family);
    this.#end = 1n << BigInt(this.#bits);
    this.#path = new SlotPath(this.#bits);
    this.#stem = this.#path.depth - 2;
    this.#root = this.#nodes.add(this.#path.depth * SLOT_BITS, "free");
    // The root decides the 2 (IPv4) or 3 (IPv6) bits that are left over; its other slots do not exist, so nothing is free there.
    const slots = slotMask(0, this.#bits - this.#path.slotBits(0));
    this.#nodes.setSlots(this.#root, ~slots, "full");
    this.#nodes.setLargest(this.#root, this.#bits);
  }

  /**
   * Makes sure that so many addresses or blocks can be taken or released without more memory. Throws a RangeError, and changes
   * nothing, where memory lacks; so does each of the operations below. One more than asked for, so that the last can be undone.
   */
  reserve(operations: number): void {
    this.#ensure(operations + 1);
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
    return this.#takeAt(this.#stem + 1, this.#bits);
  }

  /** {@link release} for one address. */
  releaseAddress(value: bigint): boolean {
    this.#path.set(value);
    return this.#releaseAt(this.#stem + 1, this.#bits);
  }

  isTaken(value: bigint): boolean {
    this.#path.set(value);
    let node = this.#root;
    for (let level = 0; level < this.#stem; level++) {
      const slot = this.#path.slot(level);
      const child = this.#nodes.child(node, slot);
      if (child === undefined) return hasSlot(this.#nodes.full(node), slot);
      node = child;
    }
    return hasSlot(this.#word(node), this.#path.slot(this.#stem + 1));
  }

  /** The first free address at or after `from` within `first` to `last` (inclusive); does not wrap. */
  nextFree(first: bigint, last: bigint, from: bigint): bigint | undefined {
    const start = from > first ? from : first;
    if (start > last) return undefined;
    this.#path.set(start);
    if (!this.#search(this.#stem + 1, this.#bits)) return undefined;
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
    for (let above = 0; above < level && above < this.#stem; above++) {
      const slot = this.#path.slot(above);
      const child = this.#nodes.child(node, slot);
      if (child === undefined)
        return hasSlot(this.#nodes.full(node), slot) ? undefined : within.length;
      node = child;
    }
    const mask = this.#mask(level, within.length);
    const largest =
      level > this.#stem
        ? largestRun(this.#word(node), mask)
        : largestWithin(this.#nodes, node, mask);
    return largest < 0 ? undefined : this.#bits - largest;
  }

  #ensure(operations: number): void {
    this.#nodes.reserve(operations * this.#stem, operations);
  }

  #takeAt(level: number, length: number): boolean {
    this.#ensure(1);
    const end = Math.min(level, this.#stem);
    const node = this.#open(end, "free");
    if (node === undefined) return false;
    const mask = this.#mask(level, length);
    const taken = level > end ? this.#word(node) : this.#nodes.any(node);
    if ((taken & mask) !== 0) return false;
    const had = this.#nodes.largest(node);
    if (level > end) this.#setWord(node, taken | mask);
    else this.#setSlots(node, mask, "full");
    this.#settle(end, had, 2 ** (this.#bits - length));
    return true;
  }

  #releaseAt(level: number, length: number): boolean {
    this.#ensure(1);
    const end = Math.min(level, this.#stem);
    const node = this.#open(end, "full");
    if (node === undefined) return false;
    const mask = this.#mask(level, length);
    const taken = level > end ? this.#word(node) : this.#nodes.full(node);
    if ((taken & mask) !== mask) return false;
    const had = this.#nodes.largest(node);
    if (level > end) this.#setWord(node, taken & ~mask);
    else this.#setSlots(node, mask, "free");
    this.#settle(end, had, -(2 ** (this.#bits - length)));
    return true;
  }

  /**
   * The node at hand on `level`, with `#way` up to it; undefined when the way to it leads through a slot that is wholly
   * in the other state. A slot that is wholly in this state gets a child, and what follows succeeds, so that none stays for nothing.
   */
  #open(level: number, state: "free" | "full"): Node | undefined {
    let node = this.#root;
    for (let above = 0; above < level; above++) {
      const slot = this.#path.slot(above);
      this.#way[above] = node;
      let child = this.#nodes.child(node, slot);
      if (child === undefined) {
        if (hasSlot(this.#nodes.full(node), slot) !== (state === "full")) return undefined;
        child = this.#nodes.add(this.#path.slotBits(above), state);
        this.#nodes.addChild(node, slot, child);
      }
      node = child;
    }
    this.#way[level] = node;
    return node;
  }

  #setSlots(node: Node, mask: number, state: "free" | "full"): void {
    this.#nodes.setSlots(node, mask, state);
    this.#nodes.setLargest(node, largestWithin(this.#nodes, node, ALL));
  }

  /** The taken addresses next to the one at hand, below its stem. */
  #word(stem: Node): number {
    return this.#nodes.word(stem, this.#path.slot(this.#stem));
  }

  #setWord(stem: Node, word: number): void {
    const before = this.#word(stem);
    this.#nodes.setWord(stem, this.#path.slot(this.#stem), word);
    refreshLargest(this.#nodes, stem, largestRun(before, ALL), largestRun(word, ALL));
  }

  /**
   * Brings the counts, and all above `#way[level]`, up to date: `change` addresses changed below that node, and its largest
   * free block was `had`.
   */
  #settle(level: number, had: number, change: number): void {
    const nodes = this.#nodes;
    let child = this.#nodeOn(level);
    let childHad = had;
    nodes.count(child, change);
    for (let at = level - 1; at >= 0; at--) {
      const node = this.#nodeOn(at);
      const nodeHad = nodes.largest(node);
      const childHas = nodes.largest(child);
      nodes.count(node, change);
      if (nodes.full(child) === ALL) nodes.removeChild(node, this.#path.slot(at), "full");
      else if (nodes.any(child) === 0) nodes.removeChild(node, this.#path.slot(at), "free");
      refreshLargest(nodes, node, childHad, childHas);
      child = node;
      childHad = nodeHad;
    }
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
        at === level
          ? lowestSlot(
              freeRuns(at > this.#stem ? this.#word(node) : this.#nodes.any(node), width),
              from,
            )
          : roomySlot(this.#nodes, node, from, wanted);
      if (slot < 0) {
        if (at === 0) return false;
        at--;
        node = this.#nodeOn(at);
        from = this.#path.slot(at) + 1;
        continue;
      }
      if (slot !== this.#path.slot(at)) this.#path.moveTo(at, slot);
      if (at === level || !hasSlot(this.#nodes.any(node), slot)) return true;
      this.#way[at] = node;
      // Below a stem there is no node, but a word of it.
      if (at < this.#stem) node = this.#nodes.child(node, slot) ?? node;
      at++;
      from = this.#path.slot(at);
    }
  }

  #countBefore(value: bigint): bigint {
    if (value === this.#end) return this.#nodes.taken(this.#root);
    this.#path.set(value);
    return takenBefore(this.#nodes, this.#root, this.#path, this.#stem);
  }

  /** The slots that a block of this prefix length fills on its level, as bits. */
  #mask(level: number, length: number): number {
    return slotMask(this.#path.slot(level), this.#path.width(level, length));
  }

  #nodeOn(level: number): Node {
    return this.#way[level] ?? this.#root;
  }

  #aim(prefix: Prefix): void {
    if (prefix.family !== this.family)
      throw new RangeError(`an IPv${prefix.family} block among IPv${this.family} ones`);
    this.#path.set(prefix.base);
  }
}
