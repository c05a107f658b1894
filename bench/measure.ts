// What a benchmark found: samples of each run, what the contestants came to, and their ratios run by run.

/** Fewer alternations than these say nothing: a ratio of fewer is not printed. */
export const LEAST_PAIRS = 5;

/** One run of one contestant: a distribution, or a single figure that is all four at once. */
export interface Run {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** Runs of one contestant in one case; the first of every contestant belong together, and so on. */
export interface Measurement {
  /** Such as `ADD, 1,000 leases, one at a time`. */
  readonly case: string;
  readonly contestant: string;
  readonly unit: string;
  readonly runs: readonly Run[];
  /** Of the runs' medians. */
  readonly median: number;
  /** The median of the runs' 99th percentiles. */
  readonly p99: number;
  readonly min: number;
  readonly max: number;
}

/** How much the one contestant is of the other, pair by pair of runs that followed each other. */
export interface Ratio {
  readonly case: string;
  readonly unit: string;
  readonly of: string;
  readonly to: string;
  readonly pairs: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Findings {
  readonly measurements: readonly Measurement[];
  readonly ratios: readonly Ratio[];
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[];
  /** What was counted beside what was timed, such as the servers' own counters. */
  readonly counters?: unknown;
}

/** The value below which the given share of the samples lies (nearest rank). */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new Error("no sample was taken");
  return value;
}

export const median = (samples: readonly number[]): number => {
  const half = samples.length / 2;
  const upper = percentile(samples, 0.5);
  if (!Number.isInteger(half)) return upper;
  const next = samples.toSorted((one, other) => one - other)[half] ?? upper;
  return (upper + next) / 2;
};

export function runOf(samples: readonly number[]): Run {
  return {
    count: samples.length,
    min: Math.min(...samples),
    median: median(samples),
    p99: percentile(samples, 0.99),
    max: Math.max(...samples),
  };
}

export const single = (value: number): Run => runOf([value]);

export function measurement(
  name: string,
  contestant: string,
  unit: string,
  runs: readonly Run[],
): Measurement {
  return {
    case: name,
    contestant,
    unit,
    runs,
    median: median(runs.map((run) => run.median)),
    p99: median(runs.map((run) => run.p99)),
    min: Math.min(...runs.map((run) => run.min)),
    max: Math.max(...runs.map((run) => run.max)),
  };
}

/** Pairs the runs of two measurements of one case in the order in which they were made. */
export function ratioOf(one: Measurement, other: Measurement): Ratio {
  const pairs = one.runs.flatMap((run, index) => {
    const partner = other.runs[index];
    return partner === undefined ? [] : [run.median / partner.median];
  });
  return {
    case: one.case,
    unit: one.unit,
    of: one.contestant,
    to: other.contestant,
    pairs,
    median: median(pairs),
    min: Math.min(...pairs),
    max: Math.max(...pairs),
  };
}

/** Every ratio of `of` to `to` among measurements of the same case and unit. */
export function ratiosBetween(
  measurements: readonly Measurement[],
  of: string,
  to: string,
): Ratio[] {
  return measurements
    .filter(({ contestant }) => contestant === of)
    .flatMap((one) => {
      const other = measurements.find(
        (candidate) =>
          candidate.contestant === to && candidate.case === one.case && candidate.unit === one.unit,
      );
      // Of nothing, such as no losses, there is no ratio.
      return other === undefined || other.min === 0 ? [] : [ratioOf(one, other)];
    });
}
