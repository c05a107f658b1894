// What init on Volcengine refuses, and how far it goes where a limit or a permission stops it in the middle.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ScenarioInput } from "#test/clouds/volcengine/scenario.ts";
import { expectRefusal, type Refusal } from "./refusal.ts";
import {
  ACCESS_KEY,
  AT_ONCE,
  GROUP,
  OTHER_INSTANCE,
  OTHER_ZONE,
  SECRET_KEY,
  VPC,
  ZONE,
} from "./volcengine-scenario.ts";
import { openVolcengineWorld } from "./volcengine-world.ts";
import type { World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await openVolcengineWorld({ settings: AT_ONCE, scenario: withSubnetsOfOthers });
});
afterAll(() => world[Symbol.asyncDispose]());

function withSubnetsOfOthers(scenario: ScenarioInput): ScenarioInput {
  const subnet = (id: string, cidr: string, zoneId: string) => ({ id, cidr, zoneId, vpcId: VPC });
  const eni = {
    id: "eni-ofnode2",
    mac: "00:16:3e:c0:00:09",
    subnetId: "subnet-ofnode2",
    primaryIp: "10.204.102.5",
    securityGroupIds: [GROUP],
    instanceId: OTHER_INSTANCE,
  };
  const regions = scenario.regions.map((region) => ({
    ...region,
    subnets: [
      ...(region.subnets ?? []),
      subnet("subnet-otherzone", "10.204.101.0/24", OTHER_ZONE),
      subnet("subnet-ofnode2", "10.204.102.0/24", ZONE),
    ],
    enis: [...(region.enis ?? []), eni],
  }));
  return { ...scenario, regions };
}

const subnet = (cidr: string) => ["init", "--platform", "volcengine", "--subnet", cidr];
const noKeys = { VOLCENGINE_ACCESS_KEY_ID: "", VOLCENGINE_SECRET_ACCESS_KEY: "" };

test.each<[string, readonly string[], Record<string, string>, Refusal]>([
  [
    "a secret that is not the key's",
    subnet("10.204.100.0/24"),
    { VOLCENGINE_SECRET_ACCESS_KEY: "wrong" },
    { code: 6, says: /SignatureDoesNotMatch/, next: /check the credentials from the environment/ },
  ],
  [
    "no credentials at all",
    subnet("10.204.100.0/24"),
    noKeys,
    { code: 6, says: /no credentials for Volcengine were found/, next: /VOLCENGINE_ACCESS_KEY_ID/ },
  ],
  [
    "a subnet in another zone",
    subnet("10.204.101.0/24"),
    {},
    {
      code: 5,
      says: new RegExp(`subnet-otherzone.*${OTHER_ZONE}.*${ZONE}`),
      next: /another --subnet/,
    },
  ],
  [
    "a subnet that another node uses",
    subnet("10.204.102.0/24"),
    {},
    { code: 5, says: new RegExp(`used by ${OTHER_INSTANCE}`), next: /--subnet of its own/ },
  ],
  [
    "a subnet that overlaps another",
    subnet("10.204.102.0/25"),
    {},
    { code: 5, says: /overlaps with subnet subnet-ofnode2/, next: /no other subnet/ },
  ],
  [
    "a subnet outside of the VPC",
    subnet("10.99.0.0/24"),
    {},
    { code: 5, says: /does not lie in vpc-.*10\.204\.0\.0\/16/, next: /inside the VPC/ },
  ],
  [
    "more addresses than the subnet has",
    [...subnet("10.204.100.0/24"), "--pool-size", "300"],
    {},
    { code: 2, says: /--pool-size 300 is more than the 253 addresses/, next: /--subnet/ },
  ],
])("refused: %s", async (_what, command, env, refusal) => {
  await expectRefusal(world, await world.node.tryWith(env, ...command), refusal);
});

test("a clock that is wrong is told as that", async () => {
  await world.fake.change({ kind: "skew", ms: 3_600_000 });
  const output = await world.node.tryCocoonNet(...world.init);
  await world.fake.change({ kind: "skew", ms: 0 });
  await expectRefusal(world, output, { code: 6, says: /Timestamp/, next: /clock \(NTP\)/ });
});

test("a region that is not the machine's is told, and the machine's is used", async () => {
  const env = { VOLCENGINE_REGION: "cn-shanghai" };
  const output = await world.node.tryWith(env, ...world.init, "--dry-run");
  expect(output.code, output.stderr).toBe(0);
  expect(output.stdout).toMatch(/^warning: VOLCENGINE_REGION is cn-shanghai.*cn-beijing is used/m);
});

test("more addresses than the instance type takes are planned as what it takes, with a warning", async () => {
  const words = [...subnet("10.204.100.0/24"), "--pool-size", "140", "--dry-run"];
  const output = await world.node.cocoonNet(...words);
  expect(output).toMatch(/^warning: .*18/m);
});

test("a permission that lacks in the middle is named; what was made goes with teardown", async () => {
  const credential = { accessKeyId: ACCESS_KEY, secretKey: SECRET_KEY };
  const deny = ["vpc:CreateNetworkInterface"];
  await world.fake.change({ kind: "credential", credential: { ...credential, deny } });
  const output = await world.node.tryCocoonNet(...world.init);
  expect(output.code, output.stderr).toBe(6);
  expect(output.stderr).toMatch(/CreateNetworkInterface/);
  expect(output.stderr).toMatch(/^next: allow vpc:CreateNetworkInterface/m);
  expect(await world.leftovers()).toEqual([expect.stringMatching(/^subnet .* is left$/)]);
  await world.fake.change({ kind: "credential", credential });
  await world.fake.forgetCalls();
  await world.node.cocoonNet("teardown");
  expect(await world.leftovers()).toEqual([]);
  // The interface was refused, so it cannot show late: the cloud is read before and after the removal, and no more.
  const made = (await world.fake.calls()).map(({ action }) => action);
  expect(made.filter((action) => action === "DescribeSubnets")).toHaveLength(2);
});
