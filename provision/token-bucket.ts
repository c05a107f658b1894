// A rate that all callers in one process share: tokens at a steady pace, fewer while the cloud says that it is too much.

import type { Timing } from "./retry.ts";

export interface Pace {
  /** Tokens per second when nobody complains. */
  readonly perSecond: number;
  /** Tokens that may be used at once after a pause. */
  readonly burst: number;
}

/** How far complaints slow down, as a part of the pace. */
const SLOWEST = 1 / 4;
/** What each success gives back, as a part of the pace. */
const RECOVERY = 1 / 32;
/** Waits are longer by up to this part, so that nodes that began together drift apart. */
const JITTER = 0.25;

export class TokenBucket {
  readonly #pace: Pace;
  readonly #timing: Timing;
  #perSecond: number;
  #tokens: number;
  #filled: number;

  constructor(pace: Pace, timing: Timing) {
    this.#pace = pace;
    this.#timing = timing;
    this.#perSecond = pace.perSecond;
    this.#tokens = pace.burst;
    this.#filled = timing.now();
  }

  /** Resolves when a call may be made; callers come in the order in which they asked. */
  async take(signal: AbortSignal): Promise<void> {
    this.#fill();
    this.#tokens -= 1;
    if (this.#tokens >= 0) return;
    const wait = (-this.#tokens / this.#perSecond) * 1_000;
    await this.#timing.sleep(wait * (1 + JITTER * this.#timing.random()), signal);
  }

  /** The cloud refused a call because there were too many: half the pace, and nothing saved up. */
  slowDown(): void {
    this.#fill();
    this.#tokens = Math.min(this.#tokens, 0);
    this.#perSecond = Math.max(this.#pace.perSecond * SLOWEST, this.#perSecond / 2);
  }

  /** The cloud served a call. */
  recover(): void {
    this.#fill();
    const more = this.#perSecond + this.#pace.perSecond * RECOVERY;
    this.#perSecond = Math.min(this.#pace.perSecond, more);
  }

  #fill(): void {
    const now = this.#timing.now();
    const added = (Math.max(0, now - this.#filled) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#pace.burst, this.#tokens + added);
    this.#filled = now;
  }
}
