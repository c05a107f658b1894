// So many at once and so many a second, for each of many keys, in bounded memory.

import type { Millis } from "#core/time.ts";

export interface BucketLimits {
  /** What a key that was quiet for long may take at once. */
  readonly burst: number;
  readonly perSecond: number;
  /** Keys that are remembered; the one added first is forgotten first and then counts as quiet. */
  readonly keys: number;
}

interface Bucket {
  tokens: number;
  at: Millis;
}

export class TokenBuckets {
  readonly #limits: BucketLimits;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: BucketLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Whether the key may go on now; takes one token if so. */
  take(key: string, now: Millis): boolean {
    const { burst, perSecond } = this.#limits;
    const bucket = this.#buckets.get(key) ?? this.#added(key, now);
    // A clock that steps back gives nothing and takes nothing.
    const elapsed = Math.max(0, now - bucket.at);
    bucket.tokens = Math.min(burst, bucket.tokens + (elapsed * perSecond) / 1_000);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #added(key: string, now: Millis): Bucket {
    if (this.#buckets.size >= this.#limits.keys) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    const bucket = { tokens: this.#limits.burst, at: now };
    this.#buckets.set(key, bucket);
    return bucket;
  }
}
