// A quota that ends init in the middle, through the command and a broker: each run waits 20 s for what may not show yet.
// In process, with a clock of its own, test/provision/volcengine has the same in make test.
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloudSideOf, readPool } from "#test/cloud-e2e/answers.ts";
import { serve } from "#test/cloud-e2e/serving.ts";
import { AT_ONCE } from "#test/cloud-e2e/volcengine-scenario.ts";
import { openVolcengineWorld } from "#test/cloud-e2e/volcengine-world.ts";
import type { World } from "#test/cloud-e2e/world.ts";

let world: World;
beforeAll(async () => {
  world = await openVolcengineWorld({ settings: AT_ONCE });
});
afterAll(() => world[Symbol.asyncDispose]());

test("a quota that is reached in the middle leaves a pool that works, and another run completes it", async () => {
  const quota = (enisPerAccount: number) =>
    world.fake.change({ kind: "settings", settings: { enisPerAccount } });
  const { node } = world;
  // One of others, and one of ours.
  await quota(2);
  const output = await node.tryCocoonNet(...world.init);
  expect(output.code, output.stderr).toBe(8);
  expect(output.stderr).toMatch(/less than asked for: .*QuotaExceeded\.Eni/);
  const { ips, provisioning } = await readPool(node);
  expect(ips).toHaveLength(3);
  expect(provisioning.state).toBe("degraded");
  {
    await using broker = await serve(world);
    const side = cloudSideOf(await node.cocoonNet("status", "--output", "json"));
    expect(side).toMatchObject({ state: "degraded", differences: [] });
    expect(side.degraded.join()).toMatch(/QuotaExceeded\.Eni/);
    expect(await broker.stop()).toBe(0);
  }
  await quota(100);
  await node.cocoonNet(...world.init);
  expect((await readPool(node)).ips).toHaveLength(6);
  expect((await readPool(node)).provisioning.state).toBe("complete");
  await node.cocoonNet("teardown");
  expect(await world.leftovers()).toEqual([]);
});
