// What a release said on the socket, recorded and frozen; and the same as a release two minor versions on may say it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const exchange = z.object({
  name: z.string(),
  request: z.object({ method: z.string(), path: z.string(), body: z.optional(z.json()) }),
  answer: z.object({ status: z.number(), body: z.json() }),
});
export type Exchange = z.infer<typeof exchange>;
export type Json = Exchange["answer"]["body"];

const recording = z.object({ api: z.string(), exchanges: z.array(exchange) });

/** Releases of which commands, plugins and brokers may still be about; the files are never changed, only added. */
export const RELEASES = ["0.1.0"] as const;

export function recorded(release: (typeof RELEASES)[number]): readonly Exchange[] {
  const text = readFileSync(join(import.meta.dirname, `wire-${release}.json`), "utf8");
  return recording.parse(JSON.parse(text)).exchanges;
}

export function exchangeOf(exchanges: readonly Exchange[], name: string): Exchange {
  const found = exchanges.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no recording of ${name}`);
  return found;
}

/** Words that a later release may have more of, and one that it might add. */
const GROWING = new Map([
  ["state", "parked"],
  ["kind", "tenant"],
  ["condition", "mending"],
  ["durability", "replicated"],
  ["code", "quota-exceeded"],
]);

/** The value with unknown fields in every object and unknown words in the places of those that may grow. */
export function twoMinorsOn(value: Json): Json {
  if (Array.isArray(value)) return value.map(twoMinorsOn);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, part]): [string, Json] => [
    name,
    GROWING.get(name) !== undefined && typeof part === "string"
      ? (GROWING.get(name) ?? part)
      : twoMinorsOn(part),
  ]);
  return { ...Object.fromEntries(fields), later: { added: [1, "in 0.3.0", null] } };
}

/** Where `now` lacks something that `then` had, or has it as another type; a longer list or object is none. */
export function missingFrom(now: Json, then: Json, at = ""): readonly string[] {
  if (Array.isArray(then)) {
    if (!Array.isArray(now)) return [`${at} is no list`];
    const [first] = then;
    return first === undefined
      ? []
      : now.slice(0, 1).flatMap((item) => missingFrom(item, first, `${at}[0]`));
  }
  if (typeof then === "object" && then !== null) {
    if (typeof now !== "object" || now === null || Array.isArray(now))
      return [`${at} is no object`];
    return Object.entries(then).flatMap(([name, part]) => {
      const there = now[name];
      return there === undefined
        ? [`${at}.${name} is missing`]
        : missingFrom(there, part, `${at}.${name}`);
    });
  }
  return typeof now === typeof then ? [] : [`${at} is a ${typeof now}, was a ${typeof then}`];
}
