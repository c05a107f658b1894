// The files in bench/results: what was found, on what, when.

import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Machine, commit, machine } from "./machine.ts";
import type { Findings } from "./measure.ts";

export const RESULTS = join(import.meta.dirname, "results");

export interface Result extends Findings {
  readonly name: string;
  readonly title: string;
  /** RFC 3339, UTC: when it began. */
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly machine: Machine;
  /** Its figures mean nothing then. */
  readonly quick: boolean;
}

export type Circumstances = Pick<Result, "date" | "commit" | "node" | "machine">;

/** Taken before a benchmark begins, so that the load is not its own. */
export const circumstances = (): Circumstances => ({
  date: new Date().toISOString(),
  commit: commit(),
  node: process.version,
  machine: machine(),
});

export async function writeResult(folder: string, result: Result): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${result.name}.json`);
  await writeFile(path, `${JSON.stringify(result, undefined, 1)}\n`);
  return path;
}

/** Every result of a folder, by name. */
export async function readResults(folder: string): Promise<Map<string, Result>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  const results = new Map<string, Result>();
  for (const name of names) {
    const result: Result = JSON.parse(await readFile(join(folder, name), "utf8"));
    results.set(result.name, result);
  }
  return results;
}
