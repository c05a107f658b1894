// What status and adopt --verify say when the cloud and pool.json disagree; adopt asks no cloud, and takes nothing from it.
import { expect, test } from "vitest";
import { cloudSideOf, readPool } from "./answers.ts";
import { GKE_NODE, openGkeWorld } from "./gke-world.ts";
import { AT_ONCE } from "./volcengine-scenario.ts";
import { openVolcengineWorld } from "./volcengine-world.ts";
import type { World } from "./world.ts";

/** Without a broker status says so by its exit code; the cloud's side is there all the same. */
async function differences({ node }: World) {
  const output = await node.tryCocoonNet("status", "--output", "json");
  expect(output.code, output.stderr).toBe(3);
  const side = cloudSideOf(output.stdout);
  expect(side.unread).toBeUndefined();
  return side.differences;
}

test("on GKE: an alias that somebody took away is told, and init puts it back", async () => {
  await using world = await openGkeWorld();
  const { node, fake } = world;
  await node.cocoonNet(...world.init);
  expect(await differences(world)).toEqual([]);
  const alias = { ipCidrRange: world.subnet, subnetworkRangeName: "cocoon-pods" };
  await fake.change({ kind: "remove-foreign-alias", instance: GKE_NODE, alias });
  expect(await differences(world)).toEqual([
    expect.objectContaining({ recorded: world.subnet, found: "10.205.64.0/24" }),
  ]);
  await node.cocoonNet(...world.init);
  expect(await differences(world)).toEqual([]);
});

test("on Volcengine: a link that is down and an interface that is gone are told, and init mends both", async () => {
  await using world = await openVolcengineWorld({ settings: AT_ONCE });
  const { node, fake } = world;
  await node.cocoonNet(...world.init);
  const [first, second] = (await readPool(node)).provisioning.attachments;
  await node.namespace.exec(["ip", "link", "set", first?.nic ?? "", "down"]);
  await fake.change({ kind: "remove-eni", id: second?.eniID });
  const told = (await differences(world)).map(({ what, found }) => `${what}: ${found}`);
  expect(told).toContain(`interface ${second?.eniID}: nothing`);
  expect(told).toContain(`link of ${first?.eniID}: ${first?.nic} down`);
  await node.cocoonNet(...world.init);
  expect(await differences(world)).toEqual([]);
  await node.cocoonNet("teardown");
  expect(await world.leftovers()).toEqual([]);
});

test("adopt asks no cloud; --verify reads it, says what differs, and nothing is taken from an adopted node", async () => {
  await using world = await openGkeWorld();
  const { node, fake } = world;
  const adopt = (subnet: string) => ["adopt", "--platform", "gke", "--subnet", subnet];
  const range = { rangeName: "cocoon-pods", ipCidrRange: "10.205.96.0/21" };
  await fake.change({ kind: "add-secondary-range", subnetwork: "nodes", ...range });
  const alias = { ipCidrRange: world.subnet, subnetworkRangeName: "cocoon-pods" };
  await fake.change({ kind: "add-foreign-alias", instance: GKE_NODE, alias });

  const other = await node.tryCocoonNet(...adopt("10.205.101.0/24"), "--verify", "--dry-run");
  expect(other.code, other.stderr).toBe(7);
  expect(other.stdout).toMatch(/10\.205\.101\.0\/24/);
  await fake.forgetCalls();
  await node.cocoonNet(...adopt(world.subnet));
  expect(await fake.calls()).toEqual([]);
  const verified = await node.tryCocoonNet(...adopt(world.subnet), "--verify");
  expect(verified.code, verified.stdout).toBe(0);
  expect(verified.stdout).toContain("the cloud is as pool.json says");
  const init = await node.tryCocoonNet(...world.init);
  expect(init.code).toBe(2);
  expect(init.stderr).toMatch(/was adopted/);
  await node.cocoonNet("teardown");
  expect(await fake.changingCalls()).toEqual([]);
  expect(await world.leftovers()).toEqual([]);
});
