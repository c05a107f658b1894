// So many at once and so many a second, for each of many keys, in bounded memory.

import type { Millis } from "#core/time.ts";

export interface BucketLimits {
  /** What a key that was quiet for long may take at once. */
  readonly burst: number;
  readonly perSecond: number;
  /** Keys that are remembered, two at least; those taken from longest ago are forgotten, half of all at once, and then count as quiet. */
  readonly keys: number;
}

/**
 * The generic cell rate algorithm (ITU-T I.371): for each key the one moment when its bucket will be full again. Two maps,
 * the older of which is dropped when the younger is full: a map from which single keys are deleted is slow.
 */
export class TokenBuckets {
  readonly #limits: BucketLimits;
  #young = new Map<string, Millis>();
  #old = new Map<string, Millis>();

  constructor(limits: BucketLimits) {
    this.#limits = limits;
  }

  /** Keys remembered at most; one in both maps counts twice. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Whether the key may go on now; takes one token if so. */
  take(key: string, now: Millis): boolean {
    const { burst, perSecond } = this.#limits;
    const interval = 1_000 / perSecond;
    // A bucket is empty at most: a clock that stepped back must not keep a key waiting for the time it lost.
    const missing = Math.min(burst * interval, Math.max(0, this.#fullAtOf(key, now) - now));
    const granted = missing <= (burst - 1) * interval;
    this.#young.set(key, now + missing + (granted ? interval : 0));
    return granted;
  }

  /** Leaves room for the key among the young. */
  #fullAtOf(key: string, now: Millis): Millis {
    const known = this.#young.get(key);
    if (known !== undefined) return known;
    const older = this.#old.get(key);
    if (this.#young.size >= this.#limits.keys / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    return older ?? now;
  }
}
