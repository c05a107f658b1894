// What the figures were taken on, so that nobody reads them as more than that.

import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";
import { readFileSync } from "node:fs";

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly system: string;
  /** Processes that ran beside the benchmark when it began, on average of a minute. */
  readonly load: number;
}

export function machine(): Machine {
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"));
  return {
    processor: cpus()[0]?.model ?? "unknown",
    processors: cpus().length,
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    kernel: release(),
    system: system?.[1] ?? "unknown",
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** The commit that was measured; `-dirty` when the sources differ from it. */
export function commit(): string {
  const options = { cwd: import.meta.dirname, encoding: "utf8" } as const;
  const dirty = execFileSync(
    "git",
    ["status", "--porcelain", "--", "..", ":!../bench", ":!../docs"],
    options,
  );
  const head = execFileSync("git", ["rev-parse", "--short=12", "HEAD"], options).trim();
  return dirty === "" ? head : `${head}-dirty`;
}
