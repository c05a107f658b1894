// An address as the slot to follow on each level of the tree of bitmaps, from the root down.

import { SLOTS, SLOT_BITS } from "./slots.ts";

/** Bits that are moved between bigint and number at once: six slots, which fit the integers of bit operators. */
const CHUNK_BITS = 30;
const CHUNK_SLOTS = CHUNK_BITS / SLOT_BITS;
const CHUNK_MASK = (1n << BigInt(CHUNK_BITS)) - 1n;

/** Mutable on purpose: one path is used for all addresses, so that a step through the tree allocates nothing. */
export class SlotPath {
  readonly slots: Uint8Array;
  /** Levels of the tree: 7 for 32 bits, 26 for 128. The root decides the bits that are left over, fewer than the others. */
  readonly depth: number;
  readonly #bits: number;

  constructor(bits: number) {
    this.#bits = bits;
    this.depth = Math.ceil(bits / SLOT_BITS);
    this.slots = new Uint8Array(this.depth);
  }

  slot(level: number): number {
    return this.slots[level] ?? 0;
  }

  /** Address bits below one slot of a node on this level. */
  slotBits(level: number): number {
    return SLOT_BITS * (this.depth - 1 - level);
  }

  /** The level on which a block of this prefix length is one slot or several. */
  levelOf(length: number): number {
    return this.depth - 1 - Math.min(Math.floor((this.#bits - length) / SLOT_BITS), this.depth - 1);
  }

  /** Binary logarithm of the number of slots that a block of this prefix length fills on its level. */
  width(level: number, length: number): number {
    return this.#bits - length - this.slotBits(level);
  }

  /** Follows the address from now on. Throws a RangeError when it has more bits than the family. */
  set(value: bigint): void {
    if (value < 0n || value >> BigInt(this.#bits) !== 0n)
      throw new RangeError(`${value} is no address of ${this.#bits} bits`);
    let rest = value;
    for (let end = this.depth; end > 0; end -= CHUNK_SLOTS) {
      let chunk = Number(rest & CHUNK_MASK);
      for (let level = end - 1; level >= end - CHUNK_SLOTS && level >= 0; level--) {
        this.slots[level] = chunk % SLOTS;
        chunk >>>= SLOT_BITS;
      }
      rest >>= BigInt(CHUNK_BITS);
    }
  }

  /** Follows the first address of another slot on this level. */
  moveTo(level: number, slot: number): void {
    this.slots[level] = slot;
    this.slots.fill(0, level + 1);
  }

  /** The address that is followed. */
  value(): bigint {
    let value = 0n;
    let chunk = 0;
    for (let level = 0; level < this.depth; level++) {
      chunk = chunk * SLOTS + this.slot(level);
      if ((this.depth - 1 - level) % CHUNK_SLOTS === 0) {
        value = (value << BigInt(CHUNK_BITS)) | BigInt(chunk);
        chunk = 0;
      }
    }
    return value;
  }
}
