// An interface's life: what each step needs, what is refused in between, and how late the cloud shows it.

import { describe, expect, it } from "vitest";
import { AT_ONCE, LATE, type OpenFake, openFake, openScenario } from "./open-fake.ts";
import {
  GROUP,
  HOST_SUBNET,
  NODES,
  OTHER_ZONE,
  REGION,
  VPC,
  standardScenario,
} from "./standard-scenario.ts";

const named = (eni: string) => ({ NetworkInterfaceId: eni });
const on = (eni: string, instance: string = NODES[0]) => ({ ...named(eni), InstanceId: instance });

/** What Describe shows of an interface, look after look. */
async function looks(cloud: OpenFake, eni: string, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (let look = 0; look < count; look += 1) {
    const reply = await cloud.ask("DescribeNetworkInterfaceAttributes", named(eni));
    seen.push(reply.result["Status"] ?? reply.code);
  }
  return seen;
}

describe("CreateNetworkInterface", () => {
  const query = { SubnetId: HOST_SUBNET, "SecurityGroupIds.1": GROUP };
  const groups = Object.fromEntries(
    Array.from({ length: 6 }, (_, index) => [`SecurityGroupIds.${index + 1}`, GROUP]),
  );
  it.each([
    ["an unknown subnet", { SubnetId: "subnet-none" }, 404, "InvalidSubnet.NotFound"],
    ["an unknown group", { "SecurityGroupIds.1": "sg-none" }, 404, "InvalidSecurityGroup.NotFound"],
    ["six groups", groups, 400, "QuotaExceeded.EniSecurityGroup"],
    ["a malformed name", { NetworkInterfaceName: "-x" }, 400, "InvalidParameter"],
    [
      "addresses and a count",
      { "PrivateIpAddress.1": "172.20.2.9", SecondaryPrivateIpAddressCount: "1" },
      400,
      "InvalidParameter",
    ],
    ["a count of none", { SecondaryPrivateIpAddressCount: "0" }, 400, "InvalidParameter"],
    [
      "fifty secondaries",
      { SecondaryPrivateIpAddressCount: "50" },
      400,
      "LimitExceeded.PrivateIpsPerEni",
    ],
    ["the same tag twice", { "Tags.1.Key": "k", "Tags.2.Key": "k" }, 400, "InvalidParameter"],
  ])("refuses %s", async (_, change, status, code) => {
    await using cloud = await openFake();
    expect(await cloud.ask("CreateNetworkInterface", { ...query, ...change })).toMatchObject({
      status,
      code,
    });
    expect(cloud.fake.audit().clean).toBe(true);
  });

  it("refuses more than the account may have, and more addresses than the group may hold", async () => {
    await using cloud = await openFake({ settings: { ...AT_ONCE, enisPerAccount: 1 } });
    expect((await cloud.ask("CreateNetworkInterface", query)).status).toBe(200);
    expect(await cloud.ask("CreateNetworkInterface", query)).toMatchObject({
      status: 400,
      code: "QuotaExceeded.Eni",
    });
    cloud.fake.change({ kind: "settings", settings: { enisPerAccount: 5 } });
    cloud.fake.change({ kind: "security-group", id: GROUP, ipQuota: 5 });
    const two = { ...query, SecondaryPrivateIpAddressCount: "2" };
    expect(await cloud.ask("CreateNetworkInterface", two)).toMatchObject({
      status: 400,
      code: "QuotaExceeded.SecurityGroupIp",
    });
    expect(
      (await cloud.ask("CreateNetworkInterface", { ...query, SecondaryPrivateIpAddressCount: "1" }))
        .status,
    ).toBe(200);
  });

  it("refuses a subnet that is still pending", async () => {
    await using cloud = await openFake({ settings: { ...AT_ONCE, transition: { polls: 5 } } });
    const made = await cloud.ask("CreateSubnet", {
      VpcId: VPC,
      ZoneId: OTHER_ZONE,
      CidrBlock: "172.20.100.0/24",
    });
    const early = { ...query, SubnetId: String(made.result["SubnetId"]) };
    expect((await cloud.ask("CreateNetworkInterface", early)).code).toBe(
      "InvalidSubnet.InvalidStatus",
    );
  });

  it("keeps wanted addresses apart from the primary, and repeats itself to the same token", async () => {
    await using cloud = await openFake();
    const wanted = {
      ...query,
      "PrivateIpAddress.1": "172.20.3.9",
      "PrivateIpAddress.2": "172.20.3.8",
      ClientToken: "t",
    };
    const first = await cloud.ask("CreateNetworkInterface", wanted);
    expect((await cloud.ask("CreateNetworkInterface", wanted)).result["NetworkInterfaceId"]).toBe(
      first.result["NetworkInterfaceId"],
    );
    expect(await cloud.ask("CreateNetworkInterface", { ...query, ClientToken: "t" })).toMatchObject(
      { code: "IdempotentParameterMismatch" },
    );
    const [eni] = cloud.fake.snapshot().get(REGION)?.enis.values().toArray().slice(-1) ?? [];
    expect(eni).toMatchObject({
      primaryIp: "172.20.0.2",
      secondaryIps: ["172.20.3.9", "172.20.3.8"],
    });
    expect(cloud.fake.audit().enisLeft).toHaveLength(1);
  });
});

describe("an interface that was just made", () => {
  it("is not found, then Creating, then Available; attach and delete are refused too early", async () => {
    await using cloud = await openFake({ settings: { ...LATE, transition: { polls: 4 } } });
    const made = await cloud.ask("CreateNetworkInterface", {
      SubnetId: HOST_SUBNET,
      "SecurityGroupIds.1": GROUP,
    });
    const eni = String(made.result["NetworkInterfaceId"]);
    expect(await cloud.ask("AttachNetworkInterface", on(eni))).toMatchObject({
      status: 404,
      code: "InvalidEniId.NotFound",
    });
    expect(await cloud.ask("AttachNetworkInterface", on(eni))).toMatchObject({
      status: 400,
      code: "InvalidEni.InvalidStatus",
    });
    expect(await cloud.ask("DeleteNetworkInterface", named(eni))).toMatchObject({
      status: 400,
      code: "InvalidEni.InvalidStatus",
    });
    expect(await looks(cloud, eni, 3)).toEqual(["Creating", "Creating", "Available"]);
  });
});

describe("attaching and detaching", () => {
  it("shows the old status first, and tells of the link only when it is there", async () => {
    await using cloud = await openFake({ settings: { ...LATE, transition: { polls: 3 } } });
    const changes: unknown[] = [];
    cloud.fake.onChange(({ kind, eni, instance }) => changes.push([kind, eni, instance]));
    const eni = await cloud.makeEni(HOST_SUBNET);
    await cloud.ask("AttachNetworkInterface", { ...on(eni), DeleteOnTermination: "true" });
    expect(await cloud.ask("AttachNetworkInterface", on(eni))).toMatchObject({
      code: "InvalidEni.InvalidStatus",
    });
    expect(changes).toEqual([]);
    expect(await cloud.ask("DetachNetworkInterface", on(eni))).toMatchObject({
      status: 400,
      code: "InvalidEni.InvalidStatus",
    });
    expect(await looks(cloud, eni, 3)).toEqual(["Available", "InUse", "InUse"]);
    expect(changes).toEqual([["attach", eni, NODES[0]]]);
    expect(await cloud.ask("DeleteNetworkInterface", named(eni))).toMatchObject({
      code: "InvalidEni.InvalidStatus",
    });
    await cloud.ask("DetachNetworkInterface", on(eni));
    expect(await looks(cloud, eni, 4)).toEqual(["InUse", "Detaching", "Detaching", "Available"]);
    expect(changes.at(-1)).toEqual(["detach", eni, NODES[0]]);
    expect(await cloud.ask("DetachNetworkInterface", on(eni))).toMatchObject({
      status: 400,
      code: "InvalidEni.InstanceMismatch",
    });
    await cloud.ask("DeleteNetworkInterface", named(eni));
    expect((await looks(cloud, eni, 5)).at(-1)).toBe("InvalidEniId.NotFound");
  });

  it("is refused for an instance of another VPC", async () => {
    const scenario = standardScenario({ settings: AT_ONCE });
    const [region] = scenario.regions;
    if (region === undefined) throw new Error("the scenario has no region");
    const vpcs = [...(region.vpcs ?? []), { id: "vpc-other", cidr: "10.0.0.0/16" }];
    const instances = (region.instances ?? []).map((one) => ({ ...one, vpcId: "vpc-other" }));
    await using cloud = await openScenario({
      ...scenario,
      regions: [{ ...region, vpcs, instances }],
    });
    const eni = await cloud.makeEni(HOST_SUBNET);
    const reply = await cloud.ask("AttachNetworkInterface", on(eni));
    expect(reply).toMatchObject({ status: 400, code: "InvalidEni.VpcMismatch" });
  });

  it("is refused for an unknown instance, one of another zone, and one that is neither running nor stopped", async () => {
    const scenario = standardScenario({ settings: AT_ONCE });
    const [region] = scenario.regions;
    if (region === undefined) throw new Error("the scenario has no region");
    const [first, second] = region.instances ?? [];
    if (first === undefined || second === undefined) throw new Error("there are no nodes");
    const instances = [first, { ...second, zoneId: OTHER_ZONE }];
    await using cloud = await openScenario({ ...scenario, regions: [{ ...region, instances }] });
    const eni = await cloud.makeEni(HOST_SUBNET);
    const refused = async (instance: string) =>
      (await cloud.ask("AttachNetworkInterface", on(eni, instance))).code;
    expect(await refused("i-none")).toBe("InvalidInstance.NotFound");
    expect(await refused(NODES[1])).toBe("InvalidEni.ZoneMismatch");
    cloud.fake.change({ kind: "instance-status", id: NODES[0], status: "STOPPING" });
    expect(await refused(NODES[0])).toBe("InvalidInstance.InvalidStatus");
  });

  it("is refused beyond the type's interfaces, those of others included, and beyond its addresses", async () => {
    await using cloud = await openFake({
      foreign: true,
      maxEnis: 5,
      maxIpsPerEni: 3,
      settings: AT_ONCE,
    });
    const wide = await cloud.makeEni(HOST_SUBNET, { SecondaryPrivateIpAddressCount: "3" });
    expect(await cloud.ask("AttachNetworkInterface", on(wide))).toMatchObject({
      status: 400,
      code: "LimitExceeded.PrivateIpsPerEni",
    });
    await cloud.attachedEni(HOST_SUBNET, { SecondaryPrivateIpAddressCount: "2" });
    const last = await cloud.makeEni(HOST_SUBNET);
    expect(await cloud.ask("AttachNetworkInterface", on(last))).toMatchObject({
      status: 400,
      code: "LimitExceeded.EnisPerInstance",
    });
    const { result } = await cloud.ask(
      "DescribeInstances",
      { "InstanceIds.1": NODES[0] },
      { service: "ecs" },
    );
    expect(
      (result["Instances"] as { NetworkInterfaces: unknown[] }[])[0]?.NetworkInterfaces,
    ).toHaveLength(5);
  });

  it("leaves the primary, and what others made, alone", async () => {
    await using cloud = await openFake({ foreign: true, settings: AT_ONCE });
    const refused = async (eni: string) => {
      const { status, code } = await cloud.ask("DetachNetworkInterface", on(eni));
      return [status, code];
    };
    expect(await refused("eni-primary0000000001")).toEqual([403, "Forbidden"]);
    expect(await refused("eni-managed0000000001")).toEqual([403, "Forbidden"]);
    expect(await refused("eni-other000000000001")).toEqual([404, "InvalidEniId.NotFound"]);
    expect(await refused("eni-cello000000000001")).toEqual([200, ""]);
    expect(cloud.fake.audit()).toMatchObject({
      clean: false,
      changed: expect.arrayContaining([expect.stringContaining("eni-cello")]),
    });
  });
});
