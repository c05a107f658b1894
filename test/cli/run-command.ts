// The command as a process: arguments in, exit code and both outputs back.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const LIMIT_MS = 20_000;

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs cli/main.ts with this Node, in an environment without settings of ours. */
export function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env = { PATH: process.env["PATH"] ?? "", COLUMNS: "100", ...environment };
    const child = execFile(
      process.execPath,
      [main, ...args],
      { env, timeout: LIMIT_MS },
      (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}
