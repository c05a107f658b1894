// Retrying: bounded calls and deadlines, waits that grow with jitter, and only what the caller calls transient.

import { describe, expect, it } from "vitest";
import {
  DeadlineError,
  type RetryLimits,
  type Timing,
  type Verdict,
  processTiming,
  retried,
  withDeadline,
} from "#provision/retry.ts";

const limits: RetryLimits = {
  calls: 5,
  callDeadline: 1_000,
  deadline: 10_000,
  firstWait: 100,
  longestWait: 300,
};
const never = new AbortController().signal;

/** A clock that only sleeping moves. */
function ownTiming(random = 0): Timing & { readonly waits: number[] } {
  let now = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    random: () => random,
    sleep: async (milliseconds) => {
      waits.push(milliseconds);
      now += milliseconds;
    },
  };
}

const failing =
  (times: number, error: unknown = new Error("busy")) =>
  async (attempt: number) => {
    if (attempt <= times) throw error;
    return attempt;
  };
const transient = (): Verdict => ({ retry: true });

describe("retried", () => {
  it("gives the first result and waits longer each time, up to the longest wait", async () => {
    const timing = ownTiming(1);
    const result = await retried({
      limits,
      timing,
      signal: never,
      call: failing(4),
      classify: transient,
    });
    expect(result).toBe(5);
    expect(timing.waits).toEqual([100, 200, 300, 300]);
  });

  it("throws the last failure when the calls are used up", async () => {
    const timing = ownTiming();
    const call = retried({
      limits,
      timing,
      signal: never,
      call: failing(9),
      classify: transient,
    });
    await expect(call).rejects.toThrow("busy");
    expect(timing.waits).toEqual([50, 100, 150, 150]);
  });

  it("throws at once what is not transient", async () => {
    const timing = ownTiming();
    const call = retried({
      limits,
      timing,
      signal: never,
      call: failing(1),
      classify: () => ({ retry: false }),
    });
    await expect(call).rejects.toThrow("busy");
    expect(timing.waits).toEqual([]);
  });

  it("waits as long as the cloud asks, and a little more", async () => {
    const timing = ownTiming(0.5);
    const classify = (): Verdict => ({ retry: true, after: 2_000 });
    await retried({ limits, timing, signal: never, call: failing(1), classify });
    expect(timing.waits).toEqual([2_050]);
  });

  it("does not wait beyond its deadline", async () => {
    const timing = ownTiming();
    const classify = (): Verdict => ({ retry: true, after: 6_000 });
    const call = retried({ limits, timing, signal: never, call: failing(9), classify });
    await expect(call).rejects.toThrow("busy");
    expect(timing.waits).toEqual([6_000]);
  });

  it("ends with the outer signal", async () => {
    const outer = new AbortController();
    const call = retried({
      limits: { ...limits, firstWait: 60_000, longestWait: 60_000, deadline: 1e9 },
      timing: processTiming,
      signal: outer.signal,
      call: failing(9),
      classify: transient,
      onRetry: () => queueMicrotask(() => outer.abort(new Error("stopped by hand"))),
    });
    await expect(call).rejects.toThrow("stopped by hand");
  });
});

describe("withDeadline", () => {
  it("gives up a call that does not heed its signal", async () => {
    const call = withDeadline(5, never, () => new Promise<never>(() => undefined));
    await expect(call).rejects.toThrow(new DeadlineError(5));
  });

  it("tells the call by its signal", async () => {
    let told: unknown;
    const call = withDeadline(5, never, async (signal) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      told = signal.reason;
      throw new Error("given up");
    });
    await expect(call).rejects.toThrow(DeadlineError);
    expect(told).toBeInstanceOf(DeadlineError);
  });

  it("gives what the call gave in time", async () => {
    expect(await withDeadline(1_000, never, async () => 7)).toBe(7);
  });
});
