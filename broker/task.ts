// Everything long-lived is a task; the first that fails stops all, and stopping waits for each to end.

/** Runs until the signal aborts; resolves when it has released what it holds. */
export interface Task {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Runs all tasks. Resolves when the outer signal aborted and all ended; rejects with the first failure. */
export async function runTasks(tasks: readonly Task[], outer: AbortSignal): Promise<void> {
  const controller = new AbortController();
  const signal = AbortSignal.any([outer, controller.signal]);
  const running = tasks.map(async (task) => {
    try {
      await task.run(signal);
    } catch (thrown) {
      controller.abort(thrown);
      throw new Error(
        `task ${task.name} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        { cause: thrown },
      );
    }
  });
  const results = await Promise.allSettled(running);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** The task, begun when `first` has resolved: what nobody waits for stays behind what somebody does. */
export const after = (first: Promise<void>, task: Task): Task => ({
  name: task.name,
  async run(signal) {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (!signal.aborted) await Promise.race([first, aborted]);
    await task.run(signal);
  },
});

/** Waits that long or until the signal aborts; never rejects. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end, { once: true });
  });
}
