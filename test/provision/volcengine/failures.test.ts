// The nastiest failures of this cloud, each with what the product makes of it.

import { describe, expect, it } from "vitest";
import type { CloudPlan } from "#provision/cloud.ts";
import { provisioningOf } from "#provision/journal.ts";
import {
  GROUP,
  HOST_SUBNET,
  NODES,
  OTHER_ZONE,
  VPC,
  ZONE,
  standardScenario,
} from "#test/clouds/volcengine/standard-scenario.ts";
import { FakeVolcengine } from "#test/clouds/volcengine/fake.ts";
import { PROMPT, block, joinNode, openNode } from "./node.ts";

const SUBNET = "subnet-handmade0000001";
const steps = (plan: CloudPlan) => plan.steps.map(({ action, id }) => `${action} ${id}`);
const tags = (node: string, instance: string) => [
  { Key: "cocoon:managed-by", Value: "cocoon-net" },
  { Key: "cocoon:node", Value: node },
  { Key: "cocoon:instance", Value: instance },
];

/** A subnet with that block that somebody made before. */
async function openWithSubnet(change: object = {}, options: Parameters<typeof openNode>[0] = {}) {
  const scenario = standardScenario({ settings: PROMPT, ...options });
  scenario.regions[0]?.subnets?.push({
    id: SUBNET,
    vpcId: VPC,
    zoneId: ZONE,
    cidr: "172.20.100.0/24",
    ...change,
  });
  const fake = new FakeVolcengine(scenario);
  const api = await fake.listen();
  const node = await joinNode(fake, api.url, options);
  return {
    ...node,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

const orphan = (change: object = {}) => ({
  kind: "add-eni",
  eni: {
    id: "eni-orphan00000000001",
    name: "cocoon-node-1-2",
    mac: "00:16:3e:0f:00:01",
    subnetId: SUBNET,
    primaryIp: "172.20.100.200",
    secondaryIps: ["172.20.100.201"],
    securityGroupIds: [GROUP],
    tags: tags("node-1", NODES[0]),
    ...change,
  },
});

describe("1: a crash between making and attaching", () => {
  it("leaves an interface that the next init uses for its slot", async () => {
    await using node = await openWithSubnet();
    node.fake.change(orphan());
    const { plan, pool } = await node.init({ poolSize: 40 });
    expect(steps(plan)).toContain("keep keep-eni/2");
    expect(steps(plan)).toContain("update assign/2");
    expect(pool.eniIDs).toContain("eni-orphan00000000001");
    expect(pool.ips).toHaveLength(40);
  });
  it("leaves one that no slot needs: it is removed", async () => {
    await using node = await openWithSubnet();
    node.fake.change(orphan({ name: "cocoon-node-1-6" }));
    const { plan, pool } = await node.init({ poolSize: 20 });
    expect(steps(plan)).toContain("remove delete-eni/eni-orphan00000000001");
    expect(pool.ips).toHaveLength(20);
    expect(node.fake.audit().enisLeft).toHaveLength(1);
  });
  it("spares a young one that another instance of this node's name may be making", async () => {
    await using node = await openWithSubnet();
    const createdAt = new Date(node.fake.now()).toISOString();
    node.fake.change(orphan({ tags: tags("node-1", NODES[1]), createdAt }));
    const { plan } = await node.init({ poolSize: 20 });
    expect(steps(plan)).not.toContain("remove delete-eni/eni-orphan00000000001");
    expect(node.fake.regionNamed().enis.has("eni-orphan00000000001")).toBe(true);
  });
});

describe("2: attaching fails by a limit", () => {
  it("deletes the new interface again, publishes what stands, and says so", async () => {
    await using node = await openNode();
    const attach = "AttachNetworkInterface";
    let attached = 0;
    node.fake.onChange(({ kind }) => {
      if (kind !== "attach") return;
      attached += 1;
      // From the third on the instance is full: somebody else has filled it meanwhile.
      if (attached === 2)
        for (let index = 0; index < 5; index++)
          node.fake.change({
            kind: "add-eni",
            eni: {
              id: `eni-stranger${index}`,
              mac: `00:16:3e:dd:00:0${index}`,
              subnetId: HOST_SUBNET,
              primaryIp: `172.20.2.${index + 10}`,
              securityGroupIds: [GROUP],
              instanceId: node.instance,
            },
          });
    });
    const { pool, degraded } = await node.init();
    expect(pool.ips).toHaveLength(40);
    expect(degraded.join()).toContain("LimitExceeded.EnisPerInstance");
    expect(provisioningOf(pool)?.state).toBe("degraded");
    expect(node.fake.log.counts()[attach]).toBe(3);
    const ours = node.fake.audit().enisLeft.filter(({ name }) => name.startsWith("cocoon"));
    expect(ours.map(({ status }) => status)).toEqual(["InUse", "InUse"]);
    expect([...node.host.files.keys()].filter((path) => path.includes("-3."))).toEqual([]);
  });
});

describe("3: foreign interfaces", () => {
  it("are never touched, and count against the instance's limit", async () => {
    await using node = await openNode({ foreign: true });
    const { pool, plan } = await node.init();
    expect(pool.eniIDs).toHaveLength(4);
    expect(plan.warnings.join()).toContain("80 addresses instead of 140");
    const removal = await node.teardown();
    expect(node.fake.audit()).toMatchObject({ clean: true });
    const kept = removal.steps.filter(({ action }) => action === "keep");
    expect(kept.map(({ target }) => target)).toEqual([
      "interface cello-eni-1",
      "interface service-managed-1",
    ]);
  });
});

describe("4: eventual consistency", () => {
  it("costs looks, never a second change", async () => {
    const late = { polls: 3 };
    await using node = await openNode({
      settings: { ...PROMPT, transition: late, notFound: late, stale: late, subnetRelease: late },
    });
    await node.init();
    expect(node.fake.log.counts()).toMatchObject({
      CreateSubnet: 1,
      CreateNetworkInterface: 7,
      AttachNetworkInterface: 7,
    });
    await node.teardown();
    expect(node.fake.log.counts()).toMatchObject({ DetachNetworkInterface: 7 });
    expect(node.fake.audit()).toMatchObject({ clean: true });
  });
});

describe("6: addresses run out in the middle", () => {
  it("publishes the usable part, and the next init adds the rest", async () => {
    await using node = await openWithSubnet();
    const taken = Array.from({ length: 200 }, (_, index) => `172.20.100.${index + 50}`);
    node.fake.change({ kind: "take-addresses", subnet: SUBNET, addresses: taken });
    const { pool, degraded } = await node.init();
    expect(pool.ips).toHaveLength(40);
    expect(degraded.join()).toContain("InsufficientIpInSubnet");
    node.fake.change({ kind: "take-addresses", subnet: SUBNET, addresses: [] });
    const again = await node.init();
    expect(again.degraded).toEqual([]);
    expect(again.pool.ips).toHaveLength(140);
  });
  it("adds what a half-filled interface lacks by looking, not by the answer", async () => {
    await using node = await openWithSubnet();
    node.fake.change(orphan({ name: "cocoon-node-1-1", instanceId: NODES[0] }));
    node.host.plug("00:16:3e:0f:00:01");
    const { pool } = await node.init({ poolSize: 20 });
    expect(pool.eniIDs).toEqual(["eni-orphan00000000001"]);
    expect(new Set(pool.ips).size).toBe(20);
  });
});

describe("7 and 8: links", () => {
  it("are found by MAC whatever they are called, up and without addresses", async () => {
    await using node = await openNode();
    const { pool } = await node.init({ poolSize: 40 });
    expect(pool.secondaryNICs).toEqual(["ens9", "ens8"]);
    const links = await node.host.links();
    expect(links.filter(({ name }) => name !== "eth0")).toEqual([
      expect.objectContaining({ name: "ens9", up: true, addresses: [] }),
      expect.objectContaining({ name: "ens8", up: true, addresses: [] }),
    ]);
    expect(pool.primaryNIC).toBe("eth0");
    expect(
      provisioningOf(pool)?.attachments.map(({ nic, gateway, ips }) => [nic, gateway, ips.length]),
    ).toEqual([
      ["ens9", "172.20.100.1", 20],
      ["ens8", "172.20.100.1", 20],
    ]);
  });
  it("that do not appear end in what is usable, with the MAC named", async () => {
    await using node = await openNode();
    await node.init({ poolSize: 20 });
    node.host.plugs = false;
    const { pool, degraded } = await node.init({ poolSize: 40 });
    expect(pool.ips).toHaveLength(20);
    expect(degraded.join()).toMatch(/no link with MAC 00:16:3e:[0-9a-f:]+ has appeared/);
  });
  it("are kept from other DHCP clients by files that are there before the link is", async () => {
    await using node = await openNode();
    await node.init({ poolSize: 20 });
    const mac = provisioningOf(node.pool())?.attachments[0]?.mac ?? "";
    expect(node.host.files.get("/etc/systemd/network/05-cocoon-net-1.network")).toContain(
      `MACAddress=${mac}\n\n[Link]\nUnmanaged=yes`,
    );
    expect(node.host.files.get("/etc/NetworkManager/conf.d/90-cocoon-net-1.conf")).toContain(
      `unmanaged-devices+=mac:${mac}`,
    );
    expect(node.host.deeds.at(-1)).toBe("up ens9");
  });
});

describe("10: the security group", () => {
  it("that blocks the VPC is a warning with the exact command, and is left as it is", async () => {
    await using node = await openNode({ ingressOpen: false });
    const { plan } = await node.init({ poolSize: 20 });
    expect(plan.warnings.join()).toContain(
      `ve vpc AuthorizeSecurityGroupIngress --SecurityGroupId ${GROUP} --Protocol all --PortStart -1 --PortEnd -1 --CidrIp 172.20.0.0/16`,
    );
    expect(node.fake.log.counts()["AuthorizeSecurityGroupIngress"]).toBeUndefined();
  });
  it("is widened only with --authorize-vpc-ingress, once; teardown leaves the rule and says so", async () => {
    await using node = await openNode({ ingressOpen: false });
    await node.init({ poolSize: 20, authorizeVpcIngress: true });
    const again = await node.init({ poolSize: 20, authorizeVpcIngress: true });
    expect(node.fake.log.counts()["AuthorizeSecurityGroupIngress"]).toBe(1);
    expect(again.plan.warnings).toEqual([]);
    const removal = await node.teardown();
    expect(removal.steps.find(({ target }) => target === `security group ${GROUP}`)).toMatchObject({
      action: "keep",
      detail: expect.stringContaining("172.20.0.0/16"),
    });
  });
  it("whose quota of addresses is reached in the middle: the usable part is published", async () => {
    await using node = await openNode();
    node.fake.change({ kind: "security-group", id: GROUP, ipQuota: 60 });
    const { pool, degraded } = await node.init();
    expect(pool.ips).toHaveLength(40);
    expect(degraded.join()).toContain("--security-group");
  });
});

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
