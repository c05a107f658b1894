// docs/fsck.md is the operator's table of differences: every kind is in it, word for word.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { differenceKinds } from "#core/difference.ts";

test("every kind of difference has its row", () => {
  const text = readFileSync(new URL("../../docs/fsck.md", import.meta.url), "utf8");
  const rows = text.split("\n").filter((line) => line.startsWith("| `"));
  const expected = Object.entries(differenceKinds).map(
    ([kind, words]) =>
      `| \`${kind}\` | ${words.meaning} | ${"mending" in words ? words.mending : "-"} |`,
  );
  expect(rows).toEqual(expected);
});
