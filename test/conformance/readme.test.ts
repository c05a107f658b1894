// The README's table is the cases' own, and no case of the list is forgotten.

import { expect, test } from "vitest";
import { cases, describeCases } from "./cases.ts";
import { cocoonIpam } from "./cocoon-ipam.ts";
import { hostLocal } from "./host-local.ts";

test("README.md is up to date", async () => {
  await expect(describeCases([cocoonIpam, hostLocal])).toMatchFileSnapshot("README.md");
});

test("the cases are 2A 1 to 43 and 2C 1 to 9, each once", () => {
  const numbers = (section: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${section} ${index + 1}`);
  expect(cases.map(({ id }) => id)).toEqual([
    ...numbers("2A", 43),
    ...numbers("2A seen", 2),
    ...numbers("2C", 9),
  ]);
});

test("what is driven from outside has something to run, and only that", () => {
  for (const { id, driven, run } of cases) expect(run !== undefined, id).toBe(driven === "outside");
});

test("departures are from cases that exist", () => {
  const ids = cases.map(({ id }) => id);
  for (const { departures } of [cocoonIpam, hostLocal])
    expect(ids).toEqual(expect.arrayContaining(Object.keys(departures)));
});
