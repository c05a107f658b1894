// The rate quota: so many calls in each minute of the clock, full again when the next minute begins.

const MINUTE_MS = 60_000;

export class Rate {
  #minute = -1;
  #calls = 0;

  /** Counts a call; false when it is one too many for this minute. */
  take(now: number, limit: number): boolean {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#calls = 0;
    }
    this.#calls += 1;
    return this.#calls <= limit;
  }
}
