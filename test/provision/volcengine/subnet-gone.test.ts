// A subnet that somebody deletes while init, killed, does not look: the next init makes another one.

import { expect, it } from "vitest";
import { openNode } from "./node.ts";

const CIDR = "172.20.100.0/24";
const small = { poolSize: 20 };

it.each([
  ["before its ID was known", "CreateSubnet"],
  ["after its ID was noted", "DescribeSubnetAttributes"],
])("init, killed %s, makes the subnet anew", async (_, call) => {
  await using node = await openNode();
  const { fake } = node;
  const subnet = () => [...fake.regionNamed().subnets.values()].find(({ cidr }) => cidr === CIDR);
  const begin = fake.log.begin.bind(fake.log);
  fake.log.begin = (begun, at) => {
    if (begun.action === call) node.kill();
    return begin(begun, at);
  };
  await expect(node.init(small)).rejects.toThrow("killed");
  fake.log.begin = begin;
  await expect.poll(subnet).toBeDefined();
  const first = subnet()?.id ?? "";
  fake.regionNamed().subnets.delete(first);
  const { pool } = await node.init(small);
  expect(pool.ips).toHaveLength(20);
  expect(pool.subnetID).toBe(subnet()?.id);
  expect(pool.subnetID).not.toBe(first);
  await node.teardown();
  expect(fake.audit()).toMatchObject({ clean: true });
});

it("a subnet that disappears as often as it is made ends init with who might do that", async () => {
  await using node = await openNode();
  const { subnets } = node.fake.regionNamed();
  const set = subnets.set.bind(subnets);
  subnets.set = (id, subnet) => (subnet.cidr === CIDR ? subnets : set(id, subnet));
  await expect(node.init(small)).rejects.toMatchObject({
    code: "cloud-conflict",
    message: expect.stringMatching(/^subnet subnet-.* disappeared/),
    hint: expect.stringContaining("who else deletes subnets"),
  });
  expect(node.fake.log.counts()["CreateSubnet"]).toBe(2);
});
