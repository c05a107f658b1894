// One account's request limits: a token bucket each for reads and writes, shared by all its keys and nodes.

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** @param now milliseconds of the fake's clock. */
  take(now: number): boolean {
    const { perSecond, burst } = this.#rate;
    const refill = (Math.max(0, now - this.#at) * perSecond) / 1000;
    this.#tokens = Math.min(burst, this.#tokens + refill);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
