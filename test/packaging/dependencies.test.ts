// docs/dependencies.md names what package.json does: each package, its version, and each approved install script.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");
const page = readFileSync(resolve(ROOT, "docs/dependencies.md"), "utf8");
const manifest = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8")) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
};
const pinned = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });

describe("docs/dependencies.md", () => {
  test.each(pinned)("tells of %s %s", (name, version) => {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const row = page
      .split("\n")
      .find((line) => line.startsWith("|") && line.includes(`\`${name}\``));
    expect(row).toContain(version);
  });

  test("calls those install scripts approved that package.json approves", () => {
    const rows = page.split("\n").filter((line) => line.includes("approved:"));
    const names = rows.flatMap((line) => /^\| `([^`]+)`/.exec(line)?.[1] ?? []);
    expect([...names, "msgpackr-extract"].toSorted()).toEqual(
      Object.keys(manifest.allowScripts).toSorted(),
    );
    expect(page).toContain("`msgpackr-extract` (MIT; install script approved");
  });
});
