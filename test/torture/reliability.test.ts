// docs/reliability.md says what the reports beside the torture run say, and names only tests that there are.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { failuresOfOthers } from "./failures-of-others.ts";
import { reliabilityPage } from "./report.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

it("is the page of these reports", () => {
  expect(read("docs/reliability.md"), "node test/torture/report.ts > docs/reliability.md").toBe(
    reliabilityPage(),
  );
});

it.each(failuresOfOthers)("row $row: what shows it is there", ({ shown, open }) => {
  for (const { file, name } of shown) expect(read(file), file).toContain(name);
  expect(shown.length > 0 || open !== undefined).toBe(true);
});
