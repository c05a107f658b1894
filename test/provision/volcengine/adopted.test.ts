// A node whose subnet and interfaces were made by hand, and that was adopted: what it has is right, what it lacks is told.

import { describe, expect, it } from "vitest";
import { ip } from "#core/address.ts";
import { planAdoption } from "#provision/adoption.ts";
import { compareWithCloud } from "#provision/difference.ts";
import { prepareInit } from "#provision/init.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { GROUP, NODES, VPC } from "#test/clouds/volcengine/standard-scenario.ts";
import { goalOf } from "./node.ts";
import { SUBNET, openWithSubnet } from "./subnet-node.ts";

const never = new AbortController().signal;
const MAC = "00:16:3e:0f:00:01";
const ADDRESSES = ["172.20.100.2", "172.20.100.3", "172.20.100.4"];

type Node = Awaited<ReturnType<typeof openWithSubnet>>;

const made = (change: object = {}) => ({
  kind: "add-eni",
  eni: {
    id: "eni-handmade00000001",
    name: "for-guests",
    mac: MAC,
    subnetId: SUBNET,
    primaryIp: "172.20.100.200",
    secondaryIps: ADDRESSES,
    securityGroupIds: [GROUP],
    instanceId: NODES[0],
    ...change,
  },
});

/** As docs/volcengine.md has it: one interface with three addresses, its link up and without address. */
async function handmade(change: object = {}): Promise<Node> {
  const node = await openWithSubnet();
  node.fake.change(made(change));
  node.host.plug(MAC);
  for (const link of await node.host.links()) if (link.mac === MAC) await node.host.prepare(link);
  return node;
}

const adopt = (change: { readonly poolSize?: number; readonly existing?: PoolFile } = {}) => {
  const { poolSize = ADDRESSES.length, existing } = change;
  const request = {
    platform: "volcengine",
    nodeName: "node-1",
    subnet: "172.20.100.0/24",
  } as const;
  const flags = { bridge: "cni0", dns: [], dropCidr: [], dropInternalAccess: false };
  return planAdoption(
    { ...request, ...flags, poolSize, manageIptables: false },
    {
      defaultNic: "eth0",
      links: ["eth0", "ens9"],
      addresses: [{ nic: "eth0", ip: "172.20.1.10" }],
      existing,
    },
    "2026-11-21T04:00:00.000Z",
  ).pool;
};

const differences = (node: Node, pool: PoolFile) => compareWithCloud(node.open(), pool, never);

it("nothing differs, though adopt knows neither subnet nor interfaces by their IDs", async () => {
  await using node = await handmade();
  const pool = adopt();
  expect(pool).toMatchObject({ subnetID: "", eniIDs: [], secondaryNICs: ["ens9"] });
  expect(await differences(node, pool)).toEqual([]);
  expect(node.fake.log.mutating).toEqual([]);
});

it("addresses that the interface has and the pool does not use are no difference", async () => {
  await using node = await handmade();
  expect(await differences(node, adopt({ poolSize: 2 }))).toEqual([]);
});

describe("what is told", () => {
  it.each<[string, (node: Node) => void, Partial<PoolFile>, object]>([
    [
      "addresses that no interface has",
      () => undefined,
      { ips: [...ADDRESSES, "172.20.100.5"].map(ip) },
      { what: "recorded addresses that no interface has", found: "1 (172.20.100.5)" },
    ],
    [
      "a subnet that is not there",
      () => undefined,
      { subnet: "172.20.101.0/24", ips: [] },
      { what: "subnet 172.20.101.0/24", found: "nothing", topic: "origin" },
    ],
    [
      "a link that is not there",
      ({ host }) => host.unplug(MAC),
      {},
      { what: "link of eni-handmade00000001", found: "absent", topic: "link" },
    ],
    [
      "an interface of the Go version's pool.json that is gone",
      () => undefined,
      { eniIDs: ["eni-handmade00000001", "eni-gone"] },
      { what: "interface eni-gone", found: "nothing" },
    ],
    [
      "an interface that was detached",
      ({ fake }) => {
        fake.change({ kind: "remove-eni", id: "eni-handmade00000001" });
        fake.change(made({ instanceId: "" }));
      },
      {},
      { what: "recorded addresses that no interface has", found: expect.stringMatching(/^3 /) },
    ],
  ])("%s", async (_, happening, change, difference) => {
    await using node = await handmade();
    happening(node);
    const told = await differences(node, { ...adopt(), ...change });
    expect(told).toEqual([expect.objectContaining(difference)]);
    // init is refused on an adopted node: nobody is sent there.
    expect(told.map(({ hint }) => hint).join()).not.toContain("cocoon-net init");
  });

  it("a security group of its own that is closed", async () => {
    await using node = await openWithSubnet();
    const groups = node.fake.regionNamed().securityGroups;
    const like = groups.get(GROUP);
    if (like === undefined) throw new Error("the scenario has no group");
    groups.set("sg-guests", { ...like, id: "sg-guests", vpcId: VPC, permissions: [] });
    node.fake.change(made({ securityGroupIds: ["sg-guests"] }));
    node.host.plug(MAC, "eth0");
    expect(await differences(node, adopt())).toMatchObject([
      { what: "security group sg-guests", found: "does not", topic: "ingress" },
    ]);
  });
});

it("init does not take it over", async () => {
  await using node = await handmade();
  const input = {
    goal: goalOf("node-1"),
    settings: { dnsServers: [], dropInternalAccess: false, dropCIDRs: [] },
    identity: await node.identify(),
    existing: adopt(),
    save: () => Promise.reject(new Error("nothing is to be written")),
    now: () => node.fake.now(),
    signal: never,
  };
  await expect(prepareInit(node.open(), input)).rejects.toMatchObject({
    code: "invalid-config",
    message: expect.stringContaining("was adopted"),
  });
});
