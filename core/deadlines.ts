// A binary heap of moments at which something ends: the next one is found without scanning the rest.

import type { Millis } from "./time.ts";

interface Deadline<Key> {
  readonly at: Millis;
  readonly key: Key;
}

/** Entries are never removed early: whoever takes one asks whether it still holds. {@link Deadlines.size} bounds them. */
export class Deadlines<Key> {
  #heap: Deadline<Key>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(at: Millis, key: Key): void {
    const heap = this.#heap;
    let index = heap.push({ at, key }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (at >= this.#at(parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  /** The earliest key that is due at `now`, taken out; undefined when none is. */
  take(now: Millis): Key | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first.key;
  }

  /** The earliest moment, or undefined when there is none. */
  next(): Millis | undefined {
    return this.#heap[0]?.at;
  }

  clear(): void {
    this.#heap = [];
  }

  #sink(): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.#heap.length) return;
      const right = left + 1;
      const child = right < this.#heap.length && this.#at(right) < this.#at(left) ? right : left;
      if (this.#at(index) <= this.#at(child)) return;
      this.#swap(index, child);
      index = child;
    }
  }

  #at(index: number): Millis {
    return this.#heap[index]?.at ?? Infinity;
  }

  #swap(one: number, other: number): void {
    const heap = this.#heap;
    const a = heap[one];
    const b = heap[other];
    if (a === undefined || b === undefined) return;
    heap[one] = b;
    heap[other] = a;
  }
}
