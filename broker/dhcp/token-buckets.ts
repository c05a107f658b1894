// So many at once and so many a second, for each of many keys, in bounded memory.

import type { Millis } from "#core/time.ts";

export interface BucketLimits {
  /** What a key that was quiet for long may take at once. */
  readonly burst: number;
  readonly perSecond: number;
  /** Keys that are remembered; the one added first is forgotten first and then counts as quiet. */
  readonly keys: number;
}

/** The generic cell rate algorithm (ITU-T I.371): for each key the one moment when its bucket will be full again. */
export class TokenBuckets {
  readonly #limits: BucketLimits;
  readonly #fullAt = new Map<string, Millis>();
  /** Goes on from the key forgotten last: from the front, a map would be searched through all that are gone. */
  readonly #oldest = this.#fullAt.keys();

  constructor(limits: BucketLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** Whether the key may go on now; takes one token if so. */
  take(key: string, now: Millis): boolean {
    const { burst, perSecond } = this.#limits;
    const interval = 1_000 / perSecond;
    // A bucket is empty at most: a clock that stepped back must not keep a key waiting for the time it lost.
    const missing = Math.min(burst * interval, Math.max(0, this.#fullAtOf(key, now) - now));
    const granted = missing <= (burst - 1) * interval;
    this.#fullAt.set(key, now + missing + (granted ? interval : 0));
    return granted;
  }

  #fullAtOf(key: string, now: Millis): Millis {
    const known = this.#fullAt.get(key);
    if (known !== undefined) return known;
    if (this.#fullAt.size >= this.#limits.keys) {
      const oldest = this.#oldest.next().value;
      if (oldest !== undefined) this.#fullAt.delete(oldest);
    }
    return now;
  }
}
