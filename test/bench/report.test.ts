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

const section = "<!-- plugin -->\n<!-- end of plugin -->";

test("a section says when nothing was measured", () => {
  expect(withTables(section, new Map())).toContain("Not measured: `node bench/run.ts plugin`.");
});

test("a quick run's figures are refused", async () => {
  const results = await readResults(RESULTS);
  const quick = new Map([...results].map(([name, result]) => [name, { ...result, quick: true }]));
  expect(() => withTables(section, quick)).toThrow("plugin.json is of a quick run");
});
