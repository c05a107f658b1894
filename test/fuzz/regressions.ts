// Inputs that once broke a promise, kept as files: each is tried again by every run.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const FOLDER = join(import.meta.dirname, "corpus/regressions");

/** `input`: hexadecimal for a packet; verb, environment and conf for a call; bytes as latin-1 text for a request. */
const regression = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("packet"), input: z.string(), why: z.string() }),
  z.object({
    kind: z.literal("call"),
    input: z.object({
      verb: z.string(),
      env: z.record(z.string(), z.string()),
      stdin: z.string(),
    }),
    why: z.string(),
  }),
  z.object({ kind: z.literal("request"), input: z.string(), why: z.string() }),
]);
export type Regression = z.infer<typeof regression>;

export function readRegressions(): readonly Regression[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .map((name) => regression.parse(JSON.parse(readFileSync(join(FOLDER, name), "utf8"))));
}

/** Writes the input and gives the file's path. */
export function keepRegression(name: string, found: Regression): string {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${name}.json`);
  writeFileSync(path, `${JSON.stringify(found, undefined, 2)}\n`);
  return path;
}
