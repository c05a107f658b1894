// Delta debugging: ever shorter sequences of operations that still fail (Zeller and Hildebrandt's ddmin).

import type { Ended, Failure } from "./episode.ts";
import type { Plan } from "./generate.ts";
import type { Operation } from "./operation.ts";

/** Sequences tried at most: each takes a fraction of a second. */
const TRIES = 400;

export interface Shrunk {
  readonly plan: Plan;
  readonly failure: Failure;
}

/** Any contradiction counts: a shorter way to another one is as good. */
export async function shrink(
  plan: Plan,
  failure: Failure,
  run: (plan: Plan) => Promise<Ended>,
): Promise<Shrunk> {
  let best: Shrunk = { plan: cut(plan, plan.operations.slice(0, failure.at + 1)), failure };
  let tries = 0;
  let parts = 2;
  while (best.plan.operations.length > 1 && tries < TRIES) {
    const shorter = await tryWithout(best, parts);
    if (shorter !== undefined) {
      best = shorter;
      parts = Math.max(parts - 1, 2);
    } else if (parts >= best.plan.operations.length) break;
    else parts = Math.min(parts * 2, best.plan.operations.length);
  }
  return best;

  async function tryWithout(
    { plan: { operations } }: Shrunk,
    chunks: number,
  ): Promise<Shrunk | undefined> {
    const size = Math.ceil(operations.length / chunks);
    for (let start = 0; start < operations.length && tries < TRIES; start += size) {
      const rest = [...operations.slice(0, start), ...operations.slice(start + size)];
      if (rest.length === 0) continue;
      tries += 1;
      const { failure: found } = await run(cut(plan, rest));
      if (found !== undefined)
        return { plan: cut(plan, rest.slice(0, found.at + 1)), failure: found };
    }
    return undefined;
  }
}

const cut = (plan: Plan, operations: readonly Operation[]): Plan => ({ ...plan, operations });
