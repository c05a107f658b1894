// One way in which an address manager of nodes has failed its users, and what shows that ours does not.

export interface Shown {
  readonly file: string;
  /** Of the test, as its file words it. */
  readonly name: string;
}

export interface FailureOfOthers {
  /** Its number in the collection of reports that issue and spec refer to. */
  readonly row: number;
  readonly what: string;
  readonly reports: string;
  /** None: nothing shows it yet. */
  readonly shown: readonly Shown[];
  /** What the tests leave open, if anything. */
  readonly open?: string;
}

export const shown = (file: string, ...names: readonly string[]): Shown[] =>
  names.map((name) => ({ file: `test/${file}`, name }));

/** The run of random operations, which every lease of every story goes through. */
export const run = shown("torture/in-process.test.ts", "keeps every promise over");
