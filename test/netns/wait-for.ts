// Waits for a condition of the real world, which tells nobody when it becomes true.
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 25;
/** The usual longest wait, in milliseconds; far above what a loaded machine of two cores needs. */
export const WAIT_LIMIT_MS = 30_000;

export type Wait = {
  /** Milliseconds; WAIT_LIMIT_MS when absent. */
  limit?: number;
  /** What is waited for, for the message when it does not come. */
  what: string;
};

/** Gives the condition's first value that is neither false nor undefined; throws after the limit. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  wait: Wait,
): Promise<Exclude<T, false | undefined>> {
  const limit = wait.limit ?? WAIT_LIMIT_MS;
  const end = performance.now() + limit;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined) {
      return value as Exclude<T, false | undefined>;
    }
    if (performance.now() >= end) {
      throw new Error(`waited ${limit} ms in vain for ${wait.what}`);
    }
    await delay(POLL_MS);
  }
}
