// How promises are held against results: the goal, the lower bar, what was not measured, and ratios of too few alternations.

import { expect, test } from "vitest";
import { measured, quotient, ratio, worst } from "#bench/evidence.ts";
import { type Measurement, measurement, ratiosBetween, single } from "#bench/measure.ts";
import { type Promised, atLeast, atMost, promiseTable } from "#bench/promise-table.ts";
import { promises } from "#bench/promises.ts";
import type { Result } from "#bench/result-file.ts";
import { ratioTable } from "#bench/table.ts";

const row = (name: string, contestant: string, values: readonly number[]): Measurement =>
  measurement(name, contestant, "µs", values.map(single));

function resultsOf(...measurements: readonly Measurement[]): ReadonlyMap<string, Result> {
  const result: Result = {
    name: "plugin",
    title: "",
    date: "",
    commit: "",
    node: "",
    machine: { processor: "", processors: 2, memoryMiB: 1, kernel: "", system: "", load: 0 },
    quick: false,
    measurements,
    ratios: ratiosBetween(measurements, "ours", "theirs"),
    notes: [],
  };
  return new Map([["plugin", result]]);
}

const five = [1, 2, 3, 4, 5];
const ours = row("ADD", "ours", five);
const theirs = row(
  "ADD",
  "theirs",
  five.map((value) => value * 2),
);
const asked = ratio({ bench: "plugin", case: "ADD", unit: "µs", of: "ours", to: "theirs" });
const cells = (promised: Promised, results: ReadonlyMap<string, Result>): string[] =>
  (promiseTable([promised], results).split("\n")[2] ?? "")
    .split("|")
    .slice(2, -1)
    .map((cell) => cell.trim());

test.each([
  [{ goal: atMost(0.5) }, "at most 0.5 ×", "", "yes"],
  [{ goal: atMost(0.4), bar: atMost(0.5) }, "at most 0.4 ×", "at most 0.5 ×", "the bar"],
  [{ goal: atMost(0.3), bar: atMost(0.4) }, "at most 0.3 ×", "at most 0.4 ×", "**no**"],
  [{ goal: atMost(0.4) }, "at most 0.4 ×", "", "**no**"],
  [{ goal: atLeast(0.5) }, "at least 0.5 ×", "", "yes"],
  [{ goal: atLeast(0.6), bar: atLeast(0.5) }, "at least 0.6 ×", "at least 0.5 ×", "the bar"],
  [{ goal: atLeast(0.6) }, "at least 0.6 ×", "", "**no**"],
])("half of theirs against %j", (limits, goal, bar, kept) => {
  const promised = { promise: "fast", found: asked, ...limits };
  expect(cells(promised, resultsOf(ours, theirs))).toEqual([goal, bar, "0.50 ×", kept]);
});

test("what was not measured is not shown, nor what fewer than five alternations say", () => {
  const promised = { promise: "fast", goal: atMost(0.5), found: asked };
  const few = resultsOf(row("ADD", "ours", [1, 2, 3, 4]), row("ADD", "theirs", [9, 9, 9, 9]));
  expect(cells(promised, new Map()).slice(2)).toEqual(["not measured", "not shown"]);
  expect(cells(promised, resultsOf(ours)).slice(2)).toEqual(["not measured", "not shown"]);
  expect(cells(promised, few).slice(2)).toEqual(["4 of 5 pairs", "not shown"]);
});

test("a table refuses to print a ratio from fewer than five alternations", () => {
  const whole = ratiosBetween([ours, theirs], "ours", "theirs");
  const few = whole.map((one) => ({ ...one, pairs: one.pairs.slice(1) }));
  expect(ratioTable(whole)).toContain("| 0.50 ");
  expect(ratioTable(few)).not.toContain("0.50");
  expect(ratioTable(few)).toContain("refused");
});

test("figures are found by contestant, scaled, divided, and the worst of them counts", () => {
  const results = resultsOf(ours, theirs);
  const figure = (contestant: string, scale = 1) =>
    measured({ bench: "plugin", case: "ADD", contestant, scale });
  expect(figure("theirs", 2)(results)).toEqual({ kind: "figure", value: 3 });
  expect(quotient(figure("theirs"), figure("ours"))(results)).toMatchObject({ value: 2 });
  expect(worst([figure("ours"), figure("theirs")])(results)).toMatchObject({ value: 6 });
  expect(worst([figure("ours"), figure("nobody")])(results)).toMatchObject({ kind: "absent" });
});

test("every promise is worded once", () => {
  const wordings = promises.map(({ promise }) => promise);
  expect(new Set(wordings).size).toBe(wordings.length);
});
