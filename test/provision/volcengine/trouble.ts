// What happens to a call of the cloud's, or to the process in it, and how it ends.

import { FAULT_KINDS, type FaultKind } from "#test/clouds/shared/fault-plan.ts";
import { FAST_LIMITS, type TestNode } from "./node.ts";

/** Milliseconds that a call which hangs costs; the run that mends, and is judged, has time for a busy machine. */
const HANG_DEADLINE = 120;
/** Answers in a row that the product does not outlast. */
const LASTING = 8;

export type Trouble = FaultKind | "lasting-failure" | "killed-before" | "killed-after";
/** Of every call. */
export const troubles: readonly Trouble[] = [
  "fail-before",
  "lost-after",
  "hang",
  "throttle",
  "garbage",
  "killed-before",
  "killed-after",
];
/** Of calls that change something: to a call that only reads they are like one of those above. */
export const ofChanges: readonly Trouble[] = FAULT_KINDS.filter((kind) => !troubles.includes(kind));

/** The calls that count, all of them when absent. */
export interface Meant {
  readonly nth: number;
  readonly action?: string;
}

/** Makes the call with that number, counted from now, go wrong. */
export function plant(node: TestNode, trouble: Trouble, { nth, action }: Meant): void {
  const { fake } = node;
  const every = action ?? "any";
  const call = ofChanges.includes(trouble) ? (action ?? "any-mutating") : every;
  if (trouble === "hang" || trouble === "hang-after") node.state.callDeadline = HANG_DEADLINE;
  if (trouble === "lasting-failure")
    return fake.faults.plan({ call, nth, times: LASTING, kind: "fail-before" });
  if (trouble !== "killed-before" && trouble !== "killed-after")
    return fake.faults.plan({ call, nth, kind: trouble });
  // Before: the call is read and never served. After: it is served, and nobody is there for the answer.
  if (trouble === "killed-before") fake.faults.plan({ call, nth, kind: "hang" });
  const begin = fake.log.begin.bind(fake.log);
  let calls = 0;
  fake.log.begin = (begun, at) => {
    if (action === undefined || begun.action === action) calls += 1;
    if (calls === nth) {
      calls += 1;
      node.kill();
    }
    return begin(begun, at);
  };
}

/** No call goes wrong any more. */
export function heal(node: TestNode): void {
  node.fake.faults.clear();
  node.state.callDeadline = FAST_LIMITS.callDeadline;
}
