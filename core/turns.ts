// Long work in short steps, so that whoever runs it can let others have their turn between them.

/** Work that stops after each step, and its result. */
export type Steps<Result> = Generator<undefined, Result>;

/** All of it at once. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Step by step; `pause` resolves when the next one may begin. */
export async function inTurns<Result>(
  steps: Steps<Result>,
  pause: () => Promise<void>,
): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await pause();
  }
}
