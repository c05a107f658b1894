// Repairs of the same thing are made less and less often while someone undoes them.

import { expect, it } from "vitest";
import { PATIENCE, QUARREL_TIME, createFights } from "#broker/node/fights.ts";
import { HOUR, SECOND } from "#core/time.ts";

it("repairs at once, then with growing pauses, and tells once", () => {
  const fights = createFights();
  const repairs: number[] = [];
  let told = 0;
  for (let now = 0; now <= HOUR; now += 10 * SECOND) {
    if (!fights.mayRepair("sysctl a", now)) continue;
    repairs.push(now);
    if (fights.repaired("sysctl a", now)) told++;
  }
  const pauses = repairs.slice(1).map((now, index) => (now - (repairs[index] ?? 0)) / SECOND);
  expect(pauses.slice(0, PATIENCE + 4)).toEqual([10, 10, 20, 30, 60, 120, 240]);
  expect(Math.max(...pauses)).toBe(300);
  expect(told).toBe(1);
});

it("forgets a quarrel that ended, and keeps items apart", () => {
  const fights = createFights();
  for (let count = 0; count < PATIENCE; count++) fights.repaired("sysctl a", count);
  expect(fights.mayRepair("sysctl a", PATIENCE)).toBe(false);
  expect(fights.mayRepair("sysctl b", PATIENCE)).toBe(true);
  const later = 2 * QUARREL_TIME;
  expect(fights.repaired("sysctl a", later)).toBe(false);
  expect(fights.mayRepair("sysctl a", later)).toBe(true);
});
