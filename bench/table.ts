// A result as a table in Markdown: the same for the terminal and for the documentation.

import { LEAST_PAIRS, type Measurement, type Ratio } from "./measure.ts";
import type { Result } from "./result-file.ts";

const HEAD = ["case", "contestant", "unit", "median", "p99", "min to max", "runs"];

export function measurementTable(result: Pick<Result, "measurements">): string {
  const rows = result.measurements.map((one) => [
    one.case,
    one.contestant,
    one.unit,
    figure(one.median),
    isDistribution(one) ? figure(one.p99) : "",
    one.min === one.max ? "" : `${figure(one.min)} to ${figure(one.max)}`,
    runsOf(one),
  ]);
  return table([HEAD, ...rows]);
}

/** Ratios that too few alternations stand behind are not printed, but that they were refused is. */
export function ratioTable(ratios: readonly Ratio[]): string {
  const head = ["case", "ratio", "of", "median", "lowest to highest pair", "pairs"];
  const rows = ratios.map((one) => [
    one.case,
    `${one.of} to ${one.to}`,
    one.unit,
    ...(one.pairs.length < LEAST_PAIRS
      ? ["refused", `fewer than ${LEAST_PAIRS} pairs`]
      : [figure(one.median), `${figure(one.min)} to ${figure(one.max)}`]),
    String(one.pairs.length),
  ]);
  return table([head, ...rows]);
}

/** Whether the runs are samples and not single figures. */
const isDistribution = (one: Measurement): boolean => one.runs.some((run) => run.count > 1);

function runsOf(one: Measurement): string {
  const samples = one.runs[0]?.count ?? 0;
  return samples > 1
    ? `${one.runs.length} of ${samples.toLocaleString("en")}`
    : String(one.runs.length);
}

/** Digits that mean something: three, or two of what is small. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size > 0 && size < 0.1) return value.toPrecision(2);
  if (size >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** Rows of cells, the first one the head. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...body.map(line)].join("\n");
}
