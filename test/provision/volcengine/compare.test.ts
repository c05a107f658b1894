// What pool.json and the cloud disagree about on Volcengine: security groups, leftovers, links.

import { describe, expect, it } from "vitest";
import { compareWithCloud } from "#provision/difference.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { GROUP, VPC } from "#test/clouds/volcengine/standard-scenario.ts";
import { type TestNode, goalOf, openNode } from "./node.ts";

const never = new AbortController().signal;

/** One interface with some addresses is enough to be compared. */
const small = (change: Parameters<typeof goalOf>[1] = {}) => ({ poolSize: 20, ...change });

async function differences(node: TestNode, change: Partial<PoolFile> = {}) {
  const pool = node.pool();
  if (pool === undefined) throw new Error("there is no pool");
  return compareWithCloud(node.open(), { ...pool, ...change }, never);
}

const rule = (CidrIp: string, Policy: string, Priority: number) => ({
  Direction: "ingress",
  Protocol: "all",
  PortStart: -1,
  PortEnd: -1,
  CidrIp,
  Policy,
  Priority,
});

it("nothing differs after init", async () => {
  await using node = await openNode();
  await node.init(small());
  expect(await differences(node)).toEqual([]);
});

describe("the security group", () => {
  it.each([
    ["without any rule", [], "does not", `--SecurityGroupId ${GROUP} --Protocol all`],
    [
      "open to a part of the VPC",
      [rule("172.20.0.0/20", "accept", 1)],
      "does not",
      "172.20.0.0/16",
    ],
    [
      "with a rule that drops first",
      [rule("172.20.0.0/16", "accept", 2), rule("172.20.9.0/24", "drop", 1)],
      "drops some of it (all from 172.20.9.0/24, priority 1)",
      "remove that rule",
    ],
  ])("%s", async (_, permissions, found, hint) => {
    await using node = await openNode();
    await node.init(small());
    node.fake.change({ kind: "security-group", id: GROUP, permissions });
    expect(await differences(node)).toEqual([
      {
        what: `security group ${GROUP}`,
        recorded: "lets 172.20.0.0/16 in",
        found,
        hint: expect.stringContaining(hint),
        topic: "ingress",
      },
    ]);
  });

  it("counts only where guests are: the primary interface's may be closed", async () => {
    await using node = await openNode();
    const guests = {
      id: "sg-guests",
      vpcId: VPC,
      permissions: [rule("172.20.0.0/16", "accept", 1)],
    };
    addGroup(node, guests);
    await node.init(small({ securityGroups: ["sg-guests"] }));
    node.fake.change({ kind: "security-group", id: GROUP, permissions: [] });
    expect(await differences(node)).toEqual([]);
    node.fake.change({ kind: "security-group", id: "sg-guests", permissions: [] });
    expect(await differences(node)).toMatchObject([{ what: "security group sg-guests" }]);
  });
});

it("detached interfaces of ours are counted with the addresses that they keep", async () => {
  await using node = await openNode();
  const { pool } = await node.init(small());
  const tags = [
    { Key: "cocoon:managed-by", Value: "cocoon-net" },
    { Key: "cocoon:node", Value: node.nodeName },
  ];
  const detached = { subnetId: pool.subnetID, securityGroupIds: [GROUP] };
  const add = (eni: object) => node.fake.change({ kind: "add-eni", eni: { ...detached, ...eni } });
  add({
    id: "eni-left",
    mac: "00:16:3e:b0:00:01",
    primaryIp: "172.20.100.200",
    secondaryIps: ["172.20.100.201", "172.20.100.202"],
    tags,
  });
  add({ id: "eni-foreign", mac: "00:16:3e:b0:00:02", primaryIp: "172.20.100.203" });
  expect(await differences(node)).toEqual([
    {
      what: `detached interfaces of ours in subnet ${pool.subnetID}`,
      recorded: "none",
      found: "1 (eni-left) with 3 addresses",
      hint: expect.stringContaining("cocoon-net teardown"),
      topic: "leftover",
    },
  ]);
  await node.teardown();
  expect([...node.fake.regionNamed().enis.keys()]).toContain("eni-foreign");
  expect([...node.fake.regionNamed().enis.keys()]).not.toContain("eni-left");
});

it("a pool of another subnet than the cloud's is told as such", async () => {
  await using node = await openNode();
  await node.init(small());
  const [first] = await differences(node, { subnet: "172.20.101.0/24" });
  expect(first).toMatchObject({
    what: "subnet 172.20.101.0/24",
    found: "nothing",
    topic: "origin",
  });
});

function addGroup(node: TestNode, group: { id: string; vpcId: string; permissions: object[] }) {
  const region = node.fake.regionNamed();
  const like = region.securityGroups.get(GROUP);
  if (like === undefined) throw new Error("the scenario has no group");
  region.securityGroups.set(group.id, { ...like, id: group.id, permissions: [] });
  node.fake.change({ kind: "security-group", id: group.id, permissions: group.permissions });
}
