// The time of a fake cloud: the machine's, or one that stands still; either is moved by hand.

export class CloudClock {
  readonly #base: () => number;
  #offset = 0;
  readonly #listeners = new Set<() => void>();

  /** With `start` (milliseconds since 1970) time stands still there until it is moved; without, it runs. */
  constructor(start?: number) {
    this.#base = start === undefined ? Date.now : () => start;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#base() + this.#offset;
  }

  /** Moves time by so many milliseconds, backwards when negative. */
  move(milliseconds: number): void {
    this.#offset += milliseconds;
    for (const listener of this.#listeners) listener();
  }

  /** Calls back after each move; returns what ends that. */
  onMove(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
