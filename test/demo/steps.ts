// Numbered steps on the terminal, each with the time it took.
const FAILED = "\u001b[31mfailed\u001b[0m";
const PLAIN_FAILED = "failed";
const INDENT = "      ";

export type Steps = {
  /** Says what is being done, does it, says how long it took. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** Output of the step before, indented below it. */
  show(text: string): void;
  /** Milliseconds since the first step. */
  elapsed(): number;
};

/** Steps numbered from 1 of `total`, written to standard output. */
export function numberedSteps(total: number): Steps {
  const begun = performance.now();
  let number = 0;
  return {
    async step(title, work) {
      number += 1;
      const start = performance.now();
      process.stdout.write(`${`${number}/${total}`.padStart(5)} ${title} ... `);
      try {
        const result = await work();
        process.stdout.write(`${seconds(performance.now() - start)}\n`);
        return result;
      } catch (error) {
        process.stdout.write(`${process.stdout.isTTY ? FAILED : PLAIN_FAILED}\n`);
        throw error;
      }
    },
    show(text) {
      const lines = text.trimEnd().split("\n");
      process.stdout.write(`${lines.map((line) => `${INDENT}${line}`).join("\n")}\n`);
    },
    elapsed: () => performance.now() - begun,
  };
}

/** Milliseconds as seconds with one decimal. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
