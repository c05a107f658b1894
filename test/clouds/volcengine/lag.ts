// How late the cloud is: a lag ends after a number of looks at the thing, or after a time, whichever comes first.

/** `ms` 0 or absent: only looks end it. */
export interface Lag {
  /** Looks (calls that read the thing) that still see the old; 0 for none. */
  readonly polls: number;
  /** Milliseconds of the fake's clock. */
  readonly ms?: number | undefined;
}

export class Countdown {
  #polls: number;
  readonly #deadline: number;

  constructor(lag: Lag, now: number) {
    this.#polls = lag.polls;
    this.#deadline = lag.ms === undefined || lag.ms === 0 ? Infinity : now + lag.ms;
  }

  over(now: number): boolean {
    return this.#polls <= 0 || now >= this.#deadline;
  }

  /** A look: says whether it still sees the old, and counts. */
  look(now: number): boolean {
    if (this.over(now)) return false;
    this.#polls -= 1;
    return true;
  }
}
