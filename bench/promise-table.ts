// Promises held against what was found: kept, or kept as far as the lower bar, or not; nothing in between.

import type { Evidence, Results, Seek } from "./evidence.ts";
import { figure, table } from "./table.ts";

/** What a figure may be at most, or must be at least. */
export interface Limit {
  readonly bound: "at most" | "at least";
  readonly value: number;
  readonly unit: string;
}

export interface Promised {
  readonly promise: string;
  readonly goal: Limit;
  /** What counts as enough where the goal is not reached. */
  readonly bar?: Limit;
  readonly found: Seek;
}

export const atMost = (value: number, unit = "×"): Limit => ({ bound: "at most", value, unit });
export const atLeast = (value: number, unit = "×"): Limit => ({ bound: "at least", value, unit });

/** Every promise as a row of a Markdown table; what no result speaks of is named as not shown. */
export function promiseTable(promises: readonly Promised[], results: Results): string {
  const rows = promises.map((one) => {
    const evidence = one.found(results);
    return [
      one.promise,
      wording(one.goal),
      one.bar === undefined ? "" : wording(one.bar),
      evidence.kind === "absent" ? evidence.why : `${figure(evidence.value)} ${one.goal.unit}`,
      verdict(one, evidence),
    ];
  });
  return table([["promise", "goal", "bar", "found", "kept"], ...rows]);
}

const wording = ({ bound, value, unit }: Limit): string =>
  `${bound} ${value.toLocaleString("en")} ${unit}`;

function verdict({ goal, bar }: Promised, evidence: Evidence): string {
  if (evidence.kind === "absent") return "not shown";
  if (holds(goal, evidence.value)) return "yes";
  return bar !== undefined && holds(bar, evidence.value) ? "the bar" : "**no**";
}

const holds = ({ bound, value }: Limit, found: number): boolean =>
  bound === "at most" ? found <= value : found >= value;
