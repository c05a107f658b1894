// The power is cut twenty times; what came of it is kept in test/durability/report.json.

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { cutPower } from "#test/durability/power-cut.ts";

const CUTS = 20;
const REPORT = resolve(import.meta.dirname, "../durability/report.json");

it(`keeps every answer over ${CUTS} power cuts`, async () => {
  const report = await cutPower(CUTS);
  writeFileSync(REPORT, `${JSON.stringify(report, undefined, 2)}\n`);
  expect(report.lost).toEqual([]);
  expect(new Set(report.conditions)).toEqual(new Set(["sound"]));
  expect(report.addsAnswered).toBeGreaterThan(CUTS);
  expect(report.acksHeard).toBeGreaterThan(CUTS);
});
