// The nodes of the tree of taken addresses: 32 slots each, free, full, or partly taken with what is taken of them below.

import { ALL, SLOTS, SLOT_BITS, countSlots, hasSlot, slotsBefore } from "./slots.ts";

/** Address bits of a stem: its slots are words, in which each address is a bit. */
const STEM_BITS = 2 * SLOT_BITS;
/** Up to 2^50 addresses are counted in numbers, which are exact there; above, in bigints. */
const NARROW_BITS = 50;
/** Rows at first; they double when they are used up. */
const FIRST_ROWS = 16;
const NO_CHILDREN: readonly Node[] = [];
const NO_STEM = -1;

/** A row of {@link Nodes}. */
export type Node = number;

/**
 * Columns of numbers instead of objects: the tree of a million addresses is then so small that one drawn at random is
 * found in the processor's caches, where addresses lie close to one another. They grow with the most nodes there ever were and do not shrink.
 *
 * Invariants: `full` is a subset of `any`; what is below a slot that is in `any` but not in `full` is neither empty nor full.
 */
export class Nodes {
  /** Binary logarithm of the addresses of each node. */
  #bits = new Uint8Array(FIRST_ROWS);
  /** Slots of which every address is taken. */
  #full = new Int32Array(FIRST_ROWS);
  /** Slots of which at least one address is taken. */
  #any = new Int32Array(FIRST_ROWS);
  /** Binary logarithm of the largest aligned free block; -1 when there is none. */
  #largest = new Int16Array(FIRST_ROWS);
  /** Taken addresses of nodes of at most 2^50. */
  #taken = new Float64Array(FIRST_ROWS);
  /** Of a stem, which 32 words are its own. */
  #stem = new Int32Array(FIRST_ROWS);
  /** The children of the partly taken slots, in slot order; none of a stem. */
  readonly #below: (Node[] | undefined)[] = [];
  /** Taken addresses of larger nodes. */
  readonly #wide = new Map<Node, bigint>();
  readonly #freeRows: Node[] = [];
  /** Taken addresses of the stems' slots, in those that are partly taken; the others' words hold anything. */
  #words = new Int32Array(SLOTS * FIRST_ROWS);
  #stems = 0;
  readonly #freeStems: number[] = [];

  /** Makes room for so many more nodes, of which so many are stems. Throws a RangeError, and changes nothing, where memory lacks. */
  reserve(nodes: number, stems: number): void {
    const rows = this.#below.length - this.#freeRows.length + nodes;
    if (rows > this.#bits.length) this.#growRows(doubled(this.#bits.length, rows));
    const words = (this.#stems - this.#freeStems.length + stems) * SLOTS;
    if (words > this.#words.length)
      this.#words = copied(this.#words, new Int32Array(doubled(this.#words.length, words)));
  }

  /** A node of 2^`bits` addresses in which nothing or everything is taken, nobody's child yet. Its room must have been reserved. */
  add(bits: number, state: "free" | "full"): Node {
    const stem = bits === STEM_BITS ? this.#newStem() : NO_STEM;
    const node = this.#newRow();
    this.#bits[node] = bits;
    this.#full[node] = this.#any[node] = state === "full" ? ALL : 0;
    this.#largest[node] = state === "full" ? -1 : bits;
    this.#taken[node] = 0;
    if (state === "full") this.count(node, 2 ** bits);
    this.#stem[node] = stem;
    return node;
  }

  full(node: Node): number {
    return this.#full[node] ?? 0;
  }

  any(node: Node): number {
    return this.#any[node] ?? 0;
  }

  /** Binary logarithm of the addresses of one slot. */
  slotBits(node: Node): number {
    return (this.#bits[node] ?? 0) - SLOT_BITS;
  }

  isStem(node: Node): boolean {
    return this.#bits[node] === STEM_BITS;
  }

  largest(node: Node): number {
    return this.#largest[node] ?? -1;
  }

  setLargest(node: Node, largest: number): void {
    this.#largest[node] = largest;
  }

  taken(node: Node): bigint {
    return this.#isWide(node) ? (this.#wide.get(node) ?? 0n) : BigInt(this.#taken[node] ?? 0);
  }

  /** Says that so many more addresses below are taken, or fewer. */
  count(node: Node, change: number): void {
    if (this.#isWide(node)) this.#wide.set(node, (this.#wide.get(node) ?? 0n) + BigInt(change));
    else this.#taken[node] = (this.#taken[node] ?? 0) + change;
  }

  /** Makes slots free or full that have nothing below them. */
  setSlots(node: Node, mask: number, state: "free" | "full"): void {
    this.#full[node] = state === "full" ? this.full(node) | mask : this.full(node) & ~mask;
    this.#any[node] = state === "full" ? this.any(node) | mask : this.any(node) & ~mask;
  }

  /** The taken addresses of a stem's slot, as bits. */
  word(stem: Node, slot: number): number {
    if (hasSlot(this.full(stem), slot)) return ALL;
    return hasSlot(this.any(stem), slot) ? (this.#words[this.#wordIndex(stem, slot)] ?? 0) : 0;
  }

  setWord(stem: Node, slot: number, word: number): void {
    const bit = 1 << slot;
    this.#words[this.#wordIndex(stem, slot)] = word;
    this.#any[stem] = word === 0 ? this.any(stem) & ~bit : this.any(stem) | bit;
    this.#full[stem] = word === ALL ? this.full(stem) | bit : this.full(stem) & ~bit;
  }

  /** The child of a partly taken slot; undefined when the slot is free or full. Not for stems. */
  child(node: Node, slot: number): Node | undefined {
    const partial = this.any(node) & ~this.full(node);
    return hasSlot(partial, slot)
      ? this.children(node)[countSlots(partial & slotsBefore(slot))]
      : undefined;
  }

  children(node: Node): readonly Node[] {
    return this.#below[node] ?? NO_CHILDREN;
  }

  /** Puts a child under a slot that was free or full and makes it partly taken. */
  addChild(node: Node, slot: number, child: Node): void {
    const children = this.#below[node];
    if (children === undefined) this.#below[node] = [child];
    else if (children.length === 0) children.push(child);
    else children.splice(this.#position(node, slot), 0, child);
    this.#any[node] = this.any(node) | (1 << slot);
    this.#full[node] = this.full(node) & ~(1 << slot);
  }

  /** Takes the child of a partly taken slot away, whose row is another's from then on; the slot becomes full or free. */
  removeChild(node: Node, slot: number, becomes: "free" | "full"): void {
    const children = this.#below[node];
    const child =
      children?.length === 1 ? children.pop() : children?.splice(this.#position(node, slot), 1)[0];
    this.setSlots(node, 1 << slot, becomes);
    if (child !== undefined) this.#release(child);
  }

  #release(node: Node): void {
    if (this.isStem(node)) this.#freeStems.push(this.#stem[node] ?? 0);
    if (this.#isWide(node)) this.#wide.delete(node);
    this.#freeRows.push(node);
  }

  #isWide(node: Node): boolean {
    return (this.#bits[node] ?? 0) > NARROW_BITS;
  }

  #position(node: Node, slot: number): number {
    return countSlots(this.any(node) & ~this.full(node) & slotsBefore(slot));
  }

  #wordIndex(stem: Node, slot: number): number {
    return (this.#stem[stem] ?? 0) * SLOTS + slot;
  }

  /** A row without children: those that were released are full or empty. */
  #newRow(): Node {
    const free = this.#freeRows.pop();
    if (free !== undefined) return free;
    if (this.#below.length === this.#bits.length) throw new Error("no row was reserved");
    return this.#below.push(undefined) - 1;
  }

  /** All columns or, where memory lacks for one (a RangeError), none: a column too short would take its last rows for free. */
  #growRows(rows: number): void {
    const bits = copied(this.#bits, new Uint8Array(rows));
    const full = copied(this.#full, new Int32Array(rows));
    const any = copied(this.#any, new Int32Array(rows));
    const largest = copied(this.#largest, new Int16Array(rows));
    const taken = copied(this.#taken, new Float64Array(rows));
    const stem = copied(this.#stem, new Int32Array(rows));
    this.#bits = bits;
    this.#full = full;
    this.#any = any;
    this.#largest = largest;
    this.#taken = taken;
    this.#stem = stem;
  }

  #newStem(): number {
    const free = this.#freeStems.pop();
    if (free !== undefined) return free;
    if (this.#stems * SLOTS === this.#words.length) throw new Error("no stem was reserved");
    return this.#stems++;
  }
}

/** At least `wanted`. */
function doubled(size: number, wanted: number): number {
  return size * 2 ** Math.ceil(Math.log2(wanted / size));
}

function copied<Column extends { set: (from: Column) => void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
