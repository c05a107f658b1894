// Requests that wait for their turn, first come first served.

/** Of bounded length; adding and taking cost the same however many wait. */
export class Backlog<Item> {
  readonly #limit: number;
  /** The latest last. */
  #added: Item[] = [];
  /** Added before all of those, the earliest last. */
  #turned: Item[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#added.length + this.#turned.length;
  }

  /** False when as many wait as may. */
  add(item: Item): boolean {
    if (this.size >= this.#limit) return false;
    this.#added.push(item);
    return true;
  }

  take(): Item | undefined {
    if (this.#turned.length === 0) {
      this.#turned = this.#added.reverse();
      this.#added = [];
    }
    return this.#turned.pop();
  }
}
