// kill -9 of the real command at one call on either cloud, and what only processes show: two inits at once, a half-made pool.
// test/long kills the command at every call; test/provision/*/faults.test.ts does so inside one process.
import { expect, test } from "vitest";
import { poolPath, readPool } from "./answers.ts";
import { rm } from "node:fs/promises";
import { openGkeWorld } from "./gke-world.ts";
import { type KillPoint, killAndMend, killAt, nameOf } from "./kill.ts";
import { AT_ONCE } from "./volcengine-scenario.ts";
import { openVolcengineWorld } from "./volcengine-world.ts";
import type { World } from "./world.ts";

const KILL_LIMIT_MS = 240_000;
const openVolcengine = () => openVolcengineWorld({ settings: AT_ONCE, poolSize: 3 });

const samples: readonly (readonly [string, () => Promise<World>, KillPoint])[] = [
  ["gke", openGkeWorld, point("init", "instances.updateNetworkInterface", "after", "finish")],
  ["volcengine", openVolcengine, point("teardown", "DetachNetworkInterface", "after", "undo")],
];

function point(
  command: KillPoint["command"],
  action: string,
  when: KillPoint["when"],
  mending: KillPoint["mending"],
): KillPoint {
  return { command, action, nth: 1, when, mending };
}

test.each(samples.map(([platform, ...rest]) => [platform, nameOf(rest[1]), ...rest] as const))(
  "on %s: %s",
  async (_platform, _name, open, killed) => {
    await using world = await open();
    await killAndMend(world, killed);
  },
  KILL_LIMIT_MS,
);

test("a broker does not start on a pool that is half made, and says what to do", async () => {
  await using world = await openGkeWorld();
  const { node } = world;
  await killAt(world, point("init", "instances.updateNetworkInterface", "after", "finish"));
  const daemon = await node.tryCocoonNet("daemon", "--metrics-addr", "");
  expect(daemon.code, daemon.stderr).toBe(9);
  expect(daemon.stderr).toMatch(/^next: .*cocoon-net init/m);
  expect((await readPool(node)).ips).toEqual([]);
});

test("of two inits at once the second is refused with the first one's process, and the first ends well", async () => {
  await using world = await openGkeWorld();
  const { node, fake } = world;
  await fake.fail({ call: "subnetworks.patch", nth: 1, kind: "hang" });
  const first = node.startCocoonNet(...world.init);
  await expect.poll(() => fake.pendingFaults(), { timeout: 30_000 }).toEqual([]);
  const second = await node.tryCocoonNet(...world.init);
  expect(second.code, second.stderr).toBe(5);
  expect(second.stderr).toContain(`another init, adopt or teardown (process ${first.pid}) holds`);
  expect(second.stderr).toMatch(/^next: wait until it has ended/m);
  first.kill("SIGKILL");
  await first.exited;
  await node.cocoonNet(...world.init);
  await node.cocoonNet("teardown");
  expect(await world.leftovers()).toEqual([]);
});

test(
  "teardown without pool.json takes what carries our tags, and nothing else",
  async () => {
    await using world = await openVolcengine();
    const { node } = world;
    await node.cocoonNet(...world.init);
    await rm(poolPath(node));
    const plan = await node.cocoonNet("teardown", "--platform", "volcengine", "--dry-run");
    expect(plan).toMatch(/keep interface cello-eni-1: not ours/);
    await node.cocoonNet("teardown", "--platform", "volcengine");
    expect(await world.leftovers()).toEqual([]);
    expect(await world.fake.unexpected()).toEqual([]);
  },
  KILL_LIMIT_MS,
);
