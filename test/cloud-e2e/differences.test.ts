// What status and adopt --verify say when the cloud and pool.json disagree; adopt asks no cloud, and takes nothing from it.
import { expect, test } from "vitest";
import type { ScenarioInput } from "#test/clouds/volcengine/scenario.ts";
import { cloudSideOf, readPool } from "./answers.ts";
import { GKE_NODE, openGkeWorld } from "./gke-world.ts";
import { AT_ONCE, GROUP, INSTANCE, SUBNET, VPC, ZONE } from "./volcengine-scenario.ts";
import { openVolcengineWorld } from "./volcengine-world.ts";
import { plugInterface } from "./vpc.ts";
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

/** A subnet and an interface in it, attached to the node, that somebody made before cocoon-net came. */
const handmade = { id: "eni-handmade", mac: "00:16:3e:c0:00:0a", ips: [2, 3, 4].map(guestIp) };

function guestIp(host: number): string {
  return SUBNET.replace(/0\/24$/, String(host));
}

function withHandmade(scenario: ScenarioInput): ScenarioInput {
  const subnetId = "subnet-handmade";
  const { id, mac, ips } = handmade;
  const place = { subnetId, securityGroupIds: [GROUP], instanceId: INSTANCE };
  const eni = { id, mac, primaryIp: guestIp(200), secondaryIps: ips, ...place };
  const regions = scenario.regions.map((region) => ({
    ...region,
    subnets: [...(region.subnets ?? []), { id: subnetId, vpcId: VPC, zoneId: ZONE, cidr: SUBNET }],
    enis: [...(region.enis ?? []), eni],
  }));
  return { ...scenario, regions };
}

test("on Volcengine: a node made by hand is adopted before its card is plugged in, then again, and is as pool.json says", async () => {
  await using world = await openVolcengineWorld({ settings: AT_ONCE, scenario: withHandmade });
  const { node, fake } = world;
  const adopt = ["adopt", "--platform", "volcengine", "--subnet", SUBNET, "--pool-size", "3"];

  const early = await node.tryCocoonNet(...adopt);
  expect(early.code, early.stderr).toBe(0);
  expect(early.stdout).toContain("attach the ENIs by hand");
  const unplugged = await node.tryCocoonNet(...adopt, "--verify");
  expect(unplugged.code, unplugged.stderr).toBe(7);
  expect(unplugged.stdout).toMatch(/link of eni-handmade +up +absent/);

  await plugInterface(handmade, "ens5", node.namespace, world.vpc);
  await node.namespace.exec(["ip", "link", "set", "ens5", "up"]);
  await fake.forgetCalls();
  expect(await node.cocoonNet(...adopt)).toContain("secondary NICs ens5");
  expect(await fake.calls()).toEqual([]);
  const verified = await node.tryCocoonNet(...adopt, "--verify");
  expect(verified.code, verified.stdout).toBe(0);
  expect(verified.stdout).toContain("the cloud is as pool.json says");
  expect(await differences(world)).toEqual([]);
  const doctor = await node.tryCocoonNet("doctor");
  expect(doctor.stdout).toContain("cloud: is as pool.json says");

  await node.cocoonNet("teardown");
  expect(await fake.changingCalls()).toEqual([]);
  expect(await world.leftovers()).toEqual([]);
});
