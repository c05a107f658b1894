// Where a command writes: colours and progress only where a person looks on.

import { styleText } from "node:util";

export interface Terminal {
  /** The command's answer. */
  out(text: string): void;
  /** Notes, progress and errors. */
  err(text: string): void;
  colour(tone: Tone, text: string): string;
  /** Runs work; after a second it says on a terminal what is being waited for. */
  progress<Result>(what: string, work: () => Promise<Result>): Promise<Result>;
}
export type Tone = "green" | "yellow" | "red" | "bold";

/** Silence that a person bears before being told what takes so long. */
const PATIENCE_MS = 1_000;

export interface Stream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export function createTerminal(stdout: Stream, stderr: Stream, colourUnwanted: boolean): Terminal {
  const coloured = stdout.isTTY === true && !colourUnwanted;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    colour: (tone, text) => (coloured ? styleText(tone, text, { validateStream: false }) : text),
    async progress(what, work) {
      const began = Date.now();
      const tell = () => stderr.write(`${what}, ${Math.round((Date.now() - began) / 1_000)} s\n`);
      const timer = setInterval(tell, PATIENCE_MS);
      try {
        return await work();
      } finally {
        clearInterval(timer);
      }
    },
  };
}
