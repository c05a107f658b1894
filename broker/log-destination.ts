// Where log lines go: a standard error that takes none in costs lines, never the broker, its memory or its time.

import { writeSync } from "node:fs";

const STANDARD_ERROR = 2;
const LINE_BREAK = 10;
/** A full pipe that does not block (EAGAIN) is tried this often for one line, this many milliseconds apart. */
const TRIES = 20;
const TRY_AFTER = 5;

export interface LogDestination {
  /** Writes one line, or counts it as lost. Never throws. */
  write(line: string): void;
  /** Lines that could not be written since the start. */
  lost(): number;
}

/**
 * Every line is written before the call returns, so that a crash loses none. How many were lost, and why, is the next line
 * that can be written again. `write` is write(2): it answers how much was taken in, or throws.
 */
export function createLogDestination(
  write: (bytes: Buffer) => number = writePatiently,
): LogDestination {
  let lost = 0;
  let told = 0;
  /** A line of which only a part was taken in must end before another begins. */
  let torn = false;

  function put(line: string): string | undefined {
    const bytes = Buffer.from(torn ? `\n${line}` : line);
    let done = 0;
    try {
      while (done < bytes.length) done += write(bytes.subarray(done));
      torn = false;
      return undefined;
    } catch (thrown) {
      if (done > 0) torn = bytes[done - 1] !== LINE_BREAK;
      return thrown instanceof Error ? thrown.message : String(thrown);
    }
  }

  let reason = "";
  return {
    lost: () => lost,
    write(line) {
      if (lost > told && put(gapLine(lost - told, reason)) === undefined) told = lost;
      const failed = lost > told ? reason : put(line);
      if (failed === undefined) return;
      reason = failed;
      lost++;
    },
  };
}

const gapLine = (count: number, reason: string): string =>
  `${JSON.stringify({ level: "warn", lost: count, msg: `${count} log lines could not be written: ${reason}` })}\n`;

function writePatiently(bytes: Buffer): number {
  for (let attempt = 1; ; attempt++) {
    try {
      return writeSync(STANDARD_ERROR, bytes);
    } catch (thrown) {
      const full = thrown instanceof Error && "code" in thrown && thrown.code === "EAGAIN";
      if (!full || attempt === TRIES) throw thrown;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_AFTER);
    }
  }
}
