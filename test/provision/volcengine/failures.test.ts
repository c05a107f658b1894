// The nastiest failures of this cloud, each with what the product makes of it.

import { describe, expect, it } from "vitest";
import type { CloudPlan } from "#provision/cloud.ts";
import { provisioningOf, withProvisioning } from "#provision/journal.ts";
import { formatPoolFile } from "#provision/pool-file.ts";
import { Countdown } from "#test/clouds/volcengine/lag.ts";
import { GROUP, HOST_SUBNET, NODES } from "#test/clouds/volcengine/standard-scenario.ts";
import { PROMPT, openNode } from "./node.ts";
import { SUBNET, openWithSubnet, orphan, tags } from "./subnet-node.ts";

const steps = (plan: CloudPlan) => plan.steps.map(({ action, id }) => `${action} ${id}`);

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

describe("4: an interface that was made and that lists do not show yet", () => {
  it.each([
    ["init", 7],
    ["teardown", 0],
  ] as const)("is waited for by the %s that follows", async (next, left) => {
    await using node = await openWithSubnet();
    const attaching = { call: "AttachNetworkInterface", nth: 1, times: 99 } as const;
    node.fake.faults.plan({ ...attaching, kind: "denied" });
    await expect(node.init()).rejects.toMatchObject({ code: "cloud-denied" });
    node.fake.faults.clear();
    const named = [...node.fake.regionNamed().enis.values()].filter(({ view }) =>
      view.name.startsWith("cocoon-"),
    );
    expect(named).toHaveLength(1);
    for (const eni of named) eni.hidden = new Countdown({ polls: 4 }, node.fake.now());
    await node[next]();
    expect(
      node.fake.audit().enisLeft.filter(({ name }) => name.startsWith("cocoon-")),
    ).toHaveLength(left);
  });
  it("nor its subnet: the teardown that follows deletes that", async () => {
    await using node = await openNode();
    const creating = { call: "CreateNetworkInterface", nth: 1, times: 99 } as const;
    node.fake.faults.plan({ ...creating, kind: "denied" });
    await expect(node.init()).rejects.toMatchObject({ code: "cloud-denied" });
    node.fake.faults.clear();
    const [pool, recorded] = [node.pool(), provisioningOf(node.pool())];
    if (pool === undefined || recorded === undefined) throw new Error("there is no journal");
    // As if it had been killed once the subnet was made.
    const entries = recorded.entries.filter(({ step }) => step === "create-subnet");
    node.state.file = formatPoolFile(withProvisioning(pool, { ...recorded, entries }));
    for (const subnet of node.fake.regionNamed().subnets.values())
      if (subnet.cidr === "172.20.100.0/24")
        subnet.hidden = new Countdown({ polls: 3 }, node.fake.now());
    await node.teardown();
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
