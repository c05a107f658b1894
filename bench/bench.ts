// What a benchmark is: a name, a title and something to measure.

import type { Findings } from "./measure.ts";

/** Tells whoever waits what is being done. */
export type Progress = (doing: string) => void;

export interface BenchOptions {
  /** A few runs of everything, to see that it works: its figures mean nothing. */
  readonly quick: boolean;
  readonly progress: Progress;
}

export interface Bench {
  /** Of its file in bench/results. */
  readonly name: string;
  readonly title: string;
  measure(options: BenchOptions): Promise<Findings>;
}
