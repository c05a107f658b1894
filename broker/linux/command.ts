// Runs a program of the system with a limit on time and output.

import { spawn } from "node:child_process";
import { BrokerError } from "#core/errors.ts";

const COMMAND_TIMEOUT_MS = 15_000;
/** The rules of a large cluster's node are some ten megabytes. */
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;
const ERROR_LIMIT_BYTES = 64 * 1024;

/** Standard output of a program that ended with 0. Throws `system-failure` with what it said otherwise. */
export function runCommand(command: string, words: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { timeout: COMMAND_TIMEOUT_MS, killSignal: "SIGKILL" });
    const output: Buffer[] = [];
    let bytes = 0;
    let complaint = "";
    const fail = (why: string, cause?: unknown): void =>
      reject(
        new BrokerError("system-failure", `${[command, ...words].join(" ")}: ${why}`, {
          cause,
          hint: "check that the program is installed and runs by hand as root",
        }),
      );
    child.on("error", (error) => fail(error.message, error));
    child.stdin.on("error", (error) => (complaint ||= error.message));
    child.stdout.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes > OUTPUT_LIMIT_BYTES) child.kill("SIGKILL");
      else output.push(part);
    });
    child.stderr.on("data", (part: Buffer) => {
      if (complaint.length < ERROR_LIMIT_BYTES) complaint += part.toString();
    });
    child.on("close", (code, signal) => {
      if (code === 0 && bytes <= OUTPUT_LIMIT_BYTES) resolve(Buffer.concat(output).toString());
      else fail(complaint.trim() || `ended with ${code ?? signal ?? "no status"}`);
    });
    child.stdin.end(input);
  });
}
