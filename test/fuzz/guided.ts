// Coverage-guided fuzzing in one process: an input that reaches code that none before it reached becomes a seed.

import type { Coverage } from "./coverage.ts";

/** Inputs between two looks at what ran: a look costs as much as some dozen inputs. */
const BATCH = 64;

export interface Guided<Input> {
  readonly count: number;
  readonly coverage: Coverage;
  readonly make: () => Input;
  /** Throws when a promise is broken; otherwise whether the input got past the first check. */
  readonly check: (input: Input) => boolean;
  readonly keep: (input: Input) => void;
}

export interface Ran<Input> {
  readonly inputs: number;
  /** Inputs that got past the first check. */
  readonly past: number;
  /** Inputs that reached something new. */
  readonly kept: number;
  readonly failure?: { readonly input: Input; readonly error: unknown };
}

/** Runs `count` inputs, or fewer when one fails. */
export async function runGuided<Input>(setting: Guided<Input>): Promise<Ran<Input>> {
  const { count, coverage, make, check, keep } = setting;
  let [inputs, past, kept] = [0, 0, 0];
  await coverage.grew();
  while (inputs < count) {
    const batch = Array.from({ length: Math.min(BATCH, count - inputs) }, make);
    for (const input of batch) {
      inputs += 1;
      try {
        if (check(input)) past += 1;
      } catch (error) {
        return { inputs, past, kept, failure: { input, error } };
      }
    }
    if (!(await coverage.grew())) continue;
    // Which of them it was is not worth finding out: the few batches that reach something new are kept whole.
    for (const input of batch) keep(input);
    kept += batch.length;
  }
  return { inputs, past, kept };
}
