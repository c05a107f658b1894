// Repeats what may succeed later: a bounded number of calls, a deadline for each and for all, waits that grow and vary.

/** The moment, the wait and the dice, handed in so that tests own them. */
export interface Timing {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Rejects with the signal's reason when it aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** From 0 to less than 1. */
  random(): number;
  /** Calls back once a deadline has passed; returns what prevents that. Absent: by the process's timers. */
  readonly alarm?: (this: void, milliseconds: number, callback: () => void) => () => void;
}

/** Bounds of one kind of call. */
export interface RetryLimits {
  /** Calls at most, the first included; at least 1. */
  readonly calls: number;
  /** Milliseconds that one call may take. */
  readonly callDeadline: number;
  /** Milliseconds after which no further call begins; a call that runs then is given up. */
  readonly deadline: number;
  /** Milliseconds of the first wait; each further one is twice the last. */
  readonly firstWait: number;
  readonly longestWait: number;
}

/** What a failure means. `after`: milliseconds that the cloud asked for; jitter is added, the longest wait does not bound it. */
export type Verdict =
  | { readonly retry: false }
  | { readonly retry: true; readonly after?: number | undefined };

export interface Retried<Result> {
  readonly limits: RetryLimits;
  readonly timing: Timing;
  readonly signal: AbortSignal;
  /** `attempt` counts from 1; the signal aborts at the call's deadline and with the outer one. */
  call(attempt: number, signal: AbortSignal): Promise<Result>;
  classify(thrown: unknown): Verdict;
  /** Before each wait. */
  onRetry?(thrown: unknown, attempt: number, wait: number): void;
}

/** The first result; otherwise throws what the last call threw, or the outer signal's reason. */
export async function retried<Result>(input: Retried<Result>): Promise<Result> {
  const { limits, timing, signal } = input;
  const end = timing.now() + limits.deadline;
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const left = Math.max(1, end - timing.now());
    try {
      return await withDeadline(
        Math.min(limits.callDeadline, left),
        signal,
        (limited) => input.call(attempt, limited),
        timing.alarm,
      );
    } catch (thrown) {
      signal.throwIfAborted();
      const verdict = input.classify(thrown);
      if (!verdict.retry || attempt >= limits.calls) throw thrown;
      const wait = waitBefore(attempt + 1, verdict.after, limits, timing);
      if (timing.now() + wait >= end) throw thrown;
      input.onRetry?.(thrown, attempt, wait);
      await timing.sleep(wait, signal);
    }
  }
}

/** Thrown by {@link withDeadline}; `milliseconds` is the time that was given. */
export class DeadlineError extends Error {
  readonly milliseconds: number;

  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds} ms`);
    this.name = "DeadlineError";
    this.milliseconds = milliseconds;
  }
}

/** Runs `call` with a signal that aborts after `milliseconds`; rejects then even if `call` does not heed it. */
export async function withDeadline<Result>(
  milliseconds: number,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<Result>,
  alarm: NonNullable<Timing["alarm"]> = processAlarm,
): Promise<Result> {
  const controller = new AbortController();
  const stopped = Promise.withResolvers<never>();
  const stop = (reason: unknown) => {
    controller.abort(reason);
    stopped.reject(reason);
  };
  const onAbort = () => stop(signal.reason);
  const calm = alarm(milliseconds, () => stop(new DeadlineError(milliseconds)));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    return await Promise.race([call(controller.signal), stopped.promise]);
  } finally {
    calm();
    signal.removeEventListener("abort", onAbort);
    // A call that was answered never sees this; one that was not lets go of its socket.
    controller.abort();
  }
}

/** Half of the wait is fixed, half is chance: nodes that failed together do not come back together. */
function waitBefore(
  attempt: number,
  asked: number | undefined,
  limits: RetryLimits,
  timing: Timing,
): number {
  const grown = Math.min(limits.longestWait, limits.firstWait * 2 ** (attempt - 2));
  const chance = timing.random();
  return asked === undefined ? grown / 2 + (grown / 2) * chance : asked + grown * chance;
}

function processAlarm(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}

/** Clock, timer and dice of this process. */
export const processTiming: Timing = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    return promise;
  },
  random: () => Math.random(),
};
