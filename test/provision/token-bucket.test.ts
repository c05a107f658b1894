// The shared rate: what may go at once, what must wait, and how complaints and successes change it.

import { describe, expect, it } from "vitest";
import type { Timing } from "#provision/retry.ts";
import { TokenBucket } from "#provision/token-bucket.ts";

/** Time that stands still but for what is slept. */
function handTiming(random: number) {
  let now = 0;
  const timing: Timing = {
    now: () => now,
    sleep: (milliseconds) => {
      now += milliseconds;
      return Promise.resolve();
    },
    random: () => random,
  };
  return { timing, pass: (milliseconds: number) => (now += milliseconds), now: () => now };
}

const signal = new AbortController().signal;

async function timeOf(count: number, bucket: TokenBucket, now: () => number): Promise<number> {
  const began = now();
  for (let call = 0; call < count; call++) await bucket.take(signal);
  return now() - began;
}

describe("a bucket of 4 a second and 7 at once", () => {
  it("lets 7 go at once and then one every 250 ms", async () => {
    const { timing, now } = handTiming(0);
    const bucket = new TokenBucket({ perSecond: 4, burst: 7 }, timing);
    expect(await timeOf(7, bucket, now)).toBe(0);
    expect(await timeOf(8, bucket, now)).toBe(2_000);
  });
  it("spreads waits by up to a quarter", async () => {
    const { timing, now } = handTiming(0.999);
    const bucket = new TokenBucket({ perSecond: 4, burst: 1 }, timing);
    expect(await timeOf(2, bucket, now)).toBeCloseTo(312.4, 0);
  });
  it("saves up no more than the burst", async () => {
    const { timing, now, pass } = handTiming(0);
    const bucket = new TokenBucket({ perSecond: 4, burst: 7 }, timing);
    pass(3_600_000);
    expect(await timeOf(8, bucket, now)).toBe(250);
  });
  it("halves its pace at each complaint, down to a quarter, and comes back by successes", async () => {
    const { timing, now } = handTiming(0);
    const bucket = new TokenBucket({ perSecond: 4, burst: 7 }, timing);
    bucket.slowDown();
    expect(await timeOf(1, bucket, now)).toBe(500);
    for (let complaint = 0; complaint < 5; complaint++) bucket.slowDown();
    expect(await timeOf(1, bucket, now)).toBe(1_000);
    for (let success = 0; success < 32; success++) bucket.recover();
    expect(await timeOf(1, bucket, now)).toBe(250);
  });
});
