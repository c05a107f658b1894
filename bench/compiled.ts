// The benchmarks' own C programs: compiled when they are needed, into a folder that goes with the run.

import { join } from "node:path";
import { cCompiler } from "#packaging/compiler.ts";
import { run } from "#test/netns/process.ts";

/** The plugin's compiler for a program that is compared with it, so that both start with the same C library. */
const STATIC = "-static";

/** Compiles `bench/<name>.c`; gives the executable's path. */
export async function compile(
  name: string,
  folder: string,
  flags: readonly string[] = [],
): Promise<string> {
  const executable = join(folder, name);
  const source = join(import.meta.dirname, `${name}.c`);
  const compiler = flags.includes(STATIC) ? (cCompiler() ?? "gcc") : "gcc";
  await run([compiler, "-O2", "-Wall", "-Wextra", ...flags, "-o", executable, source]);
  return executable;
}
