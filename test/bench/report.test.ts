// The page on performance shows what was measured: its tables are those of the committed results, and of full runs.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { DOCUMENT, withTables } from "#bench/report.ts";
import { RESULTS, readResults } from "#bench/result-file.ts";

test("docs/performance.md has the tables of bench/results", async () => {
  const document = await readFile(DOCUMENT, "utf8");
  expect(document).toContain("<!-- promises -->");
  expect(withTables(document, await readResults(RESULTS))).toBe(document);
});

test("a section without a full result is refused", async () => {
  const results = await readResults(RESULTS);
  const quick = new Map([...results].map(([name, result]) => [name, { ...result, quick: true }]));
  const section = "<!-- plugin -->\n<!-- end of plugin -->";
  expect(() => withTables(section, quick)).toThrow("plugin has no full result");
  expect(() => withTables(section, new Map())).toThrow("run node bench/run.ts plugin");
});
