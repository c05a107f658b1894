// What is shipped has no way to be told to die: the bundle holds none of the tests' code and none of its words.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { outputsOf } from "#packaging/metafile.ts";
import { CONTROL_VARIABLE } from "./control.ts";
import { buildDaemon } from "./build-daemon.ts";

const DIST = resolve(import.meta.dirname, "../../dist");
const BUNDLES = ["cocoon-net.mjs", "cocoon-ipam.mjs", "cocoon-ipam.js"];
/** Words of the injection; each is in the daemon under test, or it would prove nothing. */
const WORDS = [CONTROL_VARIABLE, "sayLastWords", "last-words", "dieAt"];

const metafile = z.object({ inputs: z.record(z.string(), z.unknown()) });

it.each(BUNDLES)("%s is made of nothing from test/ or bench/", (name) => {
  const text = readFileSync(resolve(DIST, `${name}.meta.json`), "utf8");
  const inputs = Object.keys(metafile.parse(JSON.parse(text)).inputs);
  expect(inputs.length).toBeGreaterThan(5);
  expect(
    inputs.filter((path) => /(^|\/)(test|bench)\//.test(path) && !path.includes("node_modules")),
  ).toEqual([]);
});

it("no word of the injection is shipped, and each is in the daemon under test", async () => {
  const files = outputsOf(readFileSync(resolve(DIST, "cocoon-net.mjs.meta.json"), "utf8"));
  const shipped = files
    .filter((name) => name.endsWith(".mjs"))
    .map((name) => readFileSync(resolve(DIST, "..", name), "utf8"))
    .join("\n");
  const underTest = readFileSync(await buildDaemon(), "utf8");
  expect(WORDS.filter((word) => shipped.includes(word))).toEqual([]);
  expect(WORDS.filter((word) => !underTest.includes(word))).toEqual([]);
  expect(readFileSync(resolve(DIST, "cocoon-ipam"), "latin1")).not.toContain(CONTROL_VARIABLE);
});
