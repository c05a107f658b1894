// Delta debugging finds the few operations that matter among many.

import { expect, it } from "vitest";
import type { Ended } from "./episode.ts";
import { makePlan } from "./generate.ts";
import type { Operation } from "./operation.ts";
import { shrink } from "./shrink.ts";

it("leaves exactly the operations that a failure needs", async () => {
  const noise = makePlan(7, 200);
  const needed: readonly Operation[] = [
    { op: "die", slot: 1 },
    { op: "bridge", how: "stray" },
    { op: "die", slot: 2 },
  ];
  const operations = noise.operations
    .toSpliced(150, 0, ...needed)
    .toSpliced(20, 0, { op: "mirror" });
  const run = (plan: { readonly operations: readonly Operation[] }): Promise<Ended> => {
    const places = needed.map((one) => plan.operations.indexOf(one));
    const whole = places.every((place, index) => place > (places[index - 1] ?? -1));
    const at = places.at(-1) ?? 0;
    return Promise.resolve({
      points: new Map(),
      ...(whole ? { failure: { at, message: "" } } : {}),
    });
  };
  const plan = { ...noise, operations };
  const short = await shrink(plan, { at: operations.length - 1, message: "" }, run);
  expect(short.plan.operations).toEqual(needed);
});

it("makes the same sequence of the same seed, and another one of another seed", () => {
  expect(makePlan(1, 50)).toEqual(makePlan(1, 50));
  expect(makePlan(1, 50)).not.toEqual(makePlan(2, 50));
});
