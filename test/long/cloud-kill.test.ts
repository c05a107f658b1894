// kill -9 at every call that init and teardown make to either cloud; writes test/cloud-e2e/report.json.
import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { openGkeWorld } from "#test/cloud-e2e/gke-world.ts";
import { type KillPoint, killAndMend, killPoints, nameOf } from "#test/cloud-e2e/kill.ts";
import { AT_ONCE } from "#test/cloud-e2e/volcengine-scenario.ts";
import { openVolcengineWorld } from "#test/cloud-e2e/volcengine-world.ts";
import type { World } from "#test/cloud-e2e/world.ts";

const REPORT = new URL("../cloud-e2e/report.json", import.meta.url);
/** Nodes with clouds of their own at one time; each waits more than it works. */
const AT_ONE_TIME = 3;
const LATE = { polls: 3 };

type Outcome = { readonly point: string; readonly seconds: number; readonly failure?: string };

const clouds: readonly (readonly [string, () => Promise<World>])[] = [
  ["gke", openGkeWorld],
  // One interface: every kind of call, few of each. What was just made shows late, to the run that mends too.
  [
    "volcengine",
    () => openVolcengineWorld({ settings: { ...AT_ONCE, notFound: LATE }, poolSize: 3 }),
  ],
];

async function outcomeOf(open: () => Promise<World>, point: KillPoint): Promise<Outcome> {
  const begun = performance.now();
  const seconds = () => Math.round((performance.now() - begun) / 1_000);
  try {
    await using world = await open();
    await killAndMend(world, point);
    return { point: nameOf(point), seconds: seconds() };
  } catch (thrown) {
    const failure = thrown instanceof Error ? thrown.message : String(thrown);
    return { point: nameOf(point), seconds: seconds(), failure };
  }
}

test("killed at any call, a plain second run ends in the full state, or teardown in nothing of ours", async () => {
  const report: Record<string, readonly Outcome[]> = {};
  for (const [platform, open] of clouds) {
    const waiting = (await killPoints(open)).entries();
    const outcomes: Outcome[] = [];
    const work = async (): Promise<void> => {
      for (const [index, point] of waiting) outcomes[index] = await outcomeOf(open, point);
    };
    await Promise.all(Array.from({ length: AT_ONE_TIME }, work));
    report[platform] = outcomes;
  }
  const all = Object.values(report).flat();
  const failed = all.filter(({ failure }) => failure !== undefined);
  const summary = { points: all.length, failed: failed.length };
  await writeFile(REPORT, `${JSON.stringify({ summary, ...report }, undefined, 2)}\n`);
  expect(all.length).toBeGreaterThan(clouds.length);
  expect(failed).toEqual([]);
});
