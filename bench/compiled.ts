// The benchmarks' own C programs: compiled when they are needed, into a folder that goes with the run.

import { join } from "node:path";
import { run } from "#test/netns/process.ts";

const COMPILER = "gcc";

/** Compiles `bench/<name>.c`; gives the executable's path. */
export async function compile(
  name: string,
  folder: string,
  flags: readonly string[] = [],
): Promise<string> {
  const executable = join(folder, name);
  const source = join(import.meta.dirname, `${name}.c`);
  await run([COMPILER, "-O2", "-Wall", "-Wextra", ...flags, "-o", executable, source]);
  return executable;
}
