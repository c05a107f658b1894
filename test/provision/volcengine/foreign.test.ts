// What belongs to others, or did: subnets that are refused, and what the Go version made without tags.

import { describe, expect, it } from "vitest";
import { HOST_SUBNET, NODES, OTHER_ZONE } from "#test/clouds/volcengine/standard-scenario.ts";
import { block, openNode } from "./node.ts";
import { SUBNET, openWithSubnet, orphan, tags } from "./subnet-node.ts";

describe("a subnet that cannot be used is refused before anything is changed", () => {
  it.each([
    ["in another zone", { zoneId: OTHER_ZONE }, "is in zone cn-beijing-b"],
    ["made for another node", { tags: tags("node-9", NODES[1]) }, "was made for node node-9"],
    ["that overlaps", { cidr: "172.20.96.0/20" }, "overlaps with subnet"],
  ])("%s", async (_, change, message) => {
    await using node = await openWithSubnet(change);
    await expect(node.init()).rejects.toThrow(message);
    expect(node.fake.log.mutating).toEqual([]);
    expect(node.state.file).toBeUndefined();
  });
  it("used by another instance", async () => {
    await using node = await openWithSubnet();
    node.fake.change(orphan({ tags: [], name: "cocoon-eni-1", instanceId: NODES[1] }));
    await expect(node.init()).rejects.toThrow(`is used by ${NODES[1]}`);
  });
  it("the hosts' own, or outside of the VPC", async () => {
    await using node = await openNode();
    await expect(node.init({ subnet: block("172.20.0.0/20") })).rejects.toThrow("hosts' subnet");
    await expect(node.init({ subnet: block("10.9.0.0/24") })).rejects.toThrow("172.20.0.0/16");
    expect(node.fake.log.mutating).toEqual([]);
  });
});

it("what carries another node's name says whose it is", async () => {
  await using node = await openWithSubnet();
  node.fake.change(orphan({ tags: tags("node-9", NODES[0]), instanceId: NODES[0] }));
  const plan = await node.teardown();
  expect(plan.steps.find(({ target }) => target === "interface cocoon-node-1-2")).toMatchObject({
    action: "keep",
    detail: expect.stringContaining("--node-name node-9"),
  });
  expect(node.fake.log.mutating).toEqual([]);
});

describe("what the Go version made", () => {
  const made = {
    id: "eni-go000000000000001",
    name: "cocoon-eni-1",
    tags: [],
    instanceId: NODES[0],
  };
  const recorded = JSON.stringify({
    platform: "volcengine",
    nodeName: "node-1",
    subnet: "172.20.100.0/24",
    gateway: "172.20.100.1",
    ips: ["172.20.100.201"],
    eniIDs: [made.id],
    subnetID: SUBNET,
  });
  it("goes only with --include-untagged, and is named either way", async () => {
    await using node = await openWithSubnet();
    node.fake.change(orphan(made));
    node.state.file = recorded;
    const kept = await node.teardown();
    expect(kept.steps.find(({ target }) => target === "interface cocoon-eni-1")).toMatchObject({
      action: "keep",
      detail: expect.stringContaining("--include-untagged"),
    });
    expect(node.fake.regionNamed().enis.has(made.id)).toBe(true);
    node.state.file = recorded;
    await node.teardown(true);
    expect(node.fake.audit()).toMatchObject({ clean: true });
  });
  it.each([
    ["before", "hang"],
    ["after", undefined],
  ] as const)(
    "goes by a plain teardown too once one with the flag was killed %s it detached",
    async (_, fault) => {
      await using node = await openWithSubnet();
      node.fake.change(orphan(made));
      node.state.file = recorded;
      const call = "DetachNetworkInterface";
      if (fault !== undefined) node.fake.faults.plan({ call, nth: 1, kind: fault });
      const begin = node.fake.log.begin.bind(node.fake.log);
      node.fake.log.begin = (begun, at) => {
        if (begun.action === call) node.kill();
        return begin(begun, at);
      };
      await expect(node.teardown(true)).rejects.toThrow("killed");
      node.fake.log.begin = begin;
      node.fake.faults.clear();
      const eni = () => node.fake.regionNamed().enis.get(made.id)?.view;
      if (fault === undefined) await expect.poll(() => eni()?.status).not.toBe("InUse");
      await node.teardown();
      expect(node.fake.audit()).toMatchObject({ clean: true });
      expect(eni()).toBeUndefined();
    },
  );
  it("stays recorded when an init over it finds no link of it, and goes as the others do", async () => {
    await using node = await openWithSubnet();
    const linkless = {
      id: "eni-go000000000000002",
      name: "cocoon-eni-2",
      mac: "00:16:3e:0f:00:02",
      primaryIp: "172.20.100.210",
      secondaryIps: ["172.20.100.211"],
    };
    node.fake.change(orphan(made));
    node.fake.change(orphan({ ...made, ...linkless }));
    node.host.plug("00:16:3e:0f:00:01");
    const eniIDs = [made.id, linkless.id];
    node.state.file = JSON.stringify({ ...JSON.parse(recorded), eniIDs });
    const { pool, degraded } = await node.init({ poolSize: 40 });
    expect(degraded.join()).toContain(`no link with MAC ${linkless.mac}`);
    expect(pool.secondaryNICs).toHaveLength(1);
    expect(pool.eniIDs).toEqual(eniIDs);
    await node.teardown(true);
    expect(node.fake.audit()).toMatchObject({ clean: true });
  });
  it("is used by an init over it, tagged or not", async () => {
    await using node = await openWithSubnet();
    node.fake.change(orphan(made));
    node.host.plug("00:16:3e:0f:00:01");
    node.state.file = recorded;
    const { pool } = await node.init({ poolSize: 40 });
    expect(pool.eniIDs[0]).toBe(made.id);
    expect(pool.ips).toHaveLength(40);
  });
  it.each([
    ["another instance", { ...made, instanceId: NODES[1] }, "attached to"],
    [
      "another subnet",
      { ...made, subnetId: HOST_SUBNET, primaryIp: "172.20.3.3", secondaryIps: [] },
      "not in the pool's subnet",
    ],
    ["another name", { ...made, name: "database" }, "named database"],
  ])("stays when it has %s", async (_, change, reason) => {
    await using node = await openWithSubnet();
    node.fake.change(orphan(change));
    node.state.file = recorded;
    const plan = await node.teardown(true);
    expect(plan.steps.find(({ id }) => id === `keep/${made.id}`)?.detail).toContain(reason);
    expect(node.fake.regionNamed().enis.has(made.id)).toBe(true);
  });
  it("stays altogether when the node was adopted", async () => {
    await using node = await openWithSubnet();
    node.fake.change(orphan(made));
    node.state.file = JSON.stringify({
      ...JSON.parse(recorded),
      provisioning: { version: 1, state: "adopted", generation: "", node: {} },
    });
    await node.teardown(true);
    expect(node.fake.log.mutating).toEqual([]);
  });
});
