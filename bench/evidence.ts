// What the results say to one question: a figure, or why there is none.

import { LEAST_PAIRS, type Ratio } from "./measure.ts";
import type { Result } from "./result-file.ts";

export type Results = ReadonlyMap<string, Result>;
export type Evidence =
  | { readonly kind: "figure"; readonly value: number }
  | { readonly kind: "absent"; readonly why: string };
export type Seek = (results: Results) => Evidence;

const absent = (why: string): Evidence => ({ kind: "absent", why });
const figureOf = (value: number): Evidence => ({ kind: "figure", value });

export interface RatioQuestion {
  readonly bench: string;
  readonly case: string;
  readonly unit: string;
  readonly of: string;
  readonly to: string;
}

/** The median of a ratio; a ratio of few alternations is none. */
export const ratio =
  (question: RatioQuestion): Seek =>
  (results) => {
    const found = results
      .get(question.bench)
      ?.ratios.find(
        (row) =>
          row.case === question.case &&
          row.unit === question.unit &&
          row.of === question.of &&
          row.to === question.to,
      );
    return found === undefined ? absent("not measured") : sound(found);
  };

const sound = (found: Ratio): Evidence =>
  found.pairs.length < LEAST_PAIRS
    ? absent(`${found.pairs.length} of ${LEAST_PAIRS} pairs`)
    : figureOf(found.median);

export interface FigureQuestion {
  readonly bench: string;
  readonly case: string;
  /** Any when absent. */
  readonly contestant?: string;
  readonly unit?: string;
  /** The median of the runs' 99th percentiles instead of that of their medians. */
  readonly p99?: boolean;
  /** Of how many of the row's unit one of the promise's consists; 1 when absent. */
  readonly scale?: number;
}

export const measured =
  (question: FigureQuestion): Seek =>
  (results) => {
    const row = results
      .get(question.bench)
      ?.measurements.find(
        (one) =>
          one.case === question.case &&
          (question.contestant ?? one.contestant) === one.contestant &&
          (question.unit ?? one.unit) === one.unit,
      );
    if (row === undefined) return absent("not measured");
    return figureOf((question.p99 === true ? row.p99 : row.median) / (question.scale ?? 1));
  };

/** One figure of a result as a multiple of another one. */
export const quotient =
  (of: Seek, to: Seek): Seek =>
  (results) => {
    const [one, other] = [of(results), to(results)];
    if (one.kind === "absent") return one;
    return other.kind === "absent" ? other : figureOf(one.value / other.value);
  };

/** The largest of several figures; none when one of them is missing. */
export const worst =
  (questions: readonly Seek[]): Seek =>
  (results) => {
    const found = questions.map((seek) => seek(results));
    const missing = found.find(({ kind }) => kind === "absent");
    const values = found.flatMap((one) => (one.kind === "figure" ? [one.value] : []));
    return missing ?? figureOf(Math.max(...values));
  };
