// The memory of an init that fills the largest pool of either cloud: 140 addresses, on Volcengine on seven interfaces. It
// takes as long as the account's pace allows; test/cloud-e2e has it with two small interfaces in make test.
import { expect, test } from "vitest";
import type { ScenarioInput } from "#test/clouds/volcengine/scenario.ts";
import { readPool } from "#test/cloud-e2e/answers.ts";
import { openGkeWorld } from "#test/cloud-e2e/gke-world.ts";
import { expectSmallInit } from "#test/cloud-e2e/peak.ts";
import { AT_ONCE } from "#test/cloud-e2e/volcengine-scenario.ts";
import { openVolcengineWorld } from "#test/cloud-e2e/volcengine-world.ts";

const FULL = 140;

/** Room for seven interfaces of twenty addresses, beside the primary one and one of others. */
const withLargeType = (scenario: ScenarioInput): ScenarioInput => ({
  ...scenario,
  regions: scenario.regions.map((region) => ({
    ...region,
    instanceTypes: (region.instanceTypes ?? []).map((type) => ({
      ...type,
      maxEnis: 9,
      maxIpsPerEni: 21,
    })),
  })),
});

const openLarge = () =>
  openVolcengineWorld({ settings: AT_ONCE, poolSize: FULL, scenario: withLargeType });

test.each([
  ["GKE", () => openGkeWorld({ poolSize: FULL }), 0],
  ["Volcengine", openLarge, 7],
] as const)("of 140 addresses on %s stays below 300 MiB", async (_, open, interfaces) => {
  await using world = await open();
  await expectSmallInit(world);
  const { ips, eniIDs } = await readPool(world.node);
  expect([ips.length, eniIDs.length]).toEqual([FULL, interfaces]);
});
