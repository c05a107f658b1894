// Subnets: what may be made, how its VPC is busy meanwhile, how addresses are counted, and when one may be deleted.

import { describe, expect, it } from "vitest";
import { AT_ONCE, LATE, listIn, openFake, openScenario } from "./open-fake.ts";
import {
  GROUP,
  HOST_SUBNET,
  OTHER_ZONE,
  VPC,
  ZONE,
  standardScenario,
} from "./standard-scenario.ts";

const subnet = { VpcId: VPC, ZoneId: ZONE, CidrBlock: "172.20.100.0/24" };

describe("CreateSubnet", () => {
  it.each([
    ["an unknown VPC", { VpcId: "vpc-none" }, 404, "InvalidVpc.NotFound"],
    ["an unknown zone", { ZoneId: "cn-beijing-z" }, 404, "InvalidZone.NotFound"],
    ["a block that is none", { CidrBlock: "172.20.100.0" }, 400, "InvalidCidrBlock.Malformed"],
    ["a block with host bits", { CidrBlock: "172.20.100.1/24" }, 400, "InvalidCidrBlock.Malformed"],
    ["a block outside the VPC", { CidrBlock: "172.21.0.0/24" }, 400, "InvalidCidrBlock.Malformed"],
    [
      "a block smaller than /29",
      { CidrBlock: "172.20.100.0/30" },
      400,
      "InvalidCidrBlock.Malformed",
    ],
    ["a block that overlaps", { CidrBlock: "172.20.8.0/24" }, 400, "InvalidCidrBlock.Conflict"],
    [
      "a block that is a route's target",
      { CidrBlock: "172.20.50.0/24" },
      400,
      "InvalidCidrBlock.Conflict",
    ],
  ])("refuses %s", async (_, change, status, code) => {
    const scenario = standardScenario({ settings: AT_ONCE });
    await using cloud = await openScenario({
      ...scenario,
      regions: scenario.regions.map((region) => ({
        ...region,
        vpcs: (region.vpcs ?? []).map((vpc) => ({ ...vpc, routeTargets: ["172.20.50.0/24"] })),
      })),
    });
    expect(await cloud.ask("CreateSubnet", { ...subnet, ...change })).toMatchObject({
      status,
      code,
    });
  });

  it("refuses more subnets than the VPC may have", async () => {
    await using cloud = await openFake({ settings: { ...AT_ONCE, subnetsPerVpc: 1 } });
    expect((await cloud.ask("CreateSubnet", subnet)).code).toBe("QuotaExceeded.Subnet");
  });

  it("keeps the VPC pending, and refuses a second one meanwhile", async () => {
    await using cloud = await openFake({ settings: LATE });
    expect((await cloud.ask("CreateSubnet", subnet)).status).toBe(200);
    const second = { ...subnet, CidrBlock: "172.20.101.0/24" };
    expect(await cloud.ask("CreateSubnet", second)).toMatchObject({
      status: 400,
      code: "InvalidVpc.InvalidStatus",
    });
    await cloud.until("DescribeVpcAttributes", { VpcId: VPC }, "Available");
    expect((await cloud.ask("CreateSubnet", second)).status).toBe(200);
  });

  it("is not found at first, then pending, then available", async () => {
    await using cloud = await openFake({ settings: LATE });
    const { result } = await cloud.ask("CreateSubnet", subnet);
    const query = { SubnetId: String(result["SubnetId"]) };
    const seen: unknown[] = [];
    for (let look = 0; look < 4; look += 1) {
      const reply = await cloud.ask("DescribeSubnetAttributes", query);
      seen.push(reply.result["Status"] ?? reply.code);
    }
    expect(seen).toEqual(["InvalidSubnet.NotFound", "Pending", "Pending", "Available"]);
  });

  it("gets ready by time alone where the setting says so", async () => {
    await using cloud = await openFake({
      settings: { ...AT_ONCE, transition: { polls: 1000, ms: 5000 } },
    });
    const { result } = await cloud.ask("CreateSubnet", subnet);
    const query = { SubnetId: String(result["SubnetId"]) };
    const status = async () =>
      (await cloud.ask("DescribeSubnetAttributes", query)).result["Status"];
    expect(await status()).toBe("Pending");
    cloud.fake.advance(5000);
    expect(await status()).toBe("Available");
  });

  it("repeats its answer to the same token, and refuses the token with something else", async () => {
    await using cloud = await openFake();
    const once = { ...subnet, ClientToken: "t-1" };
    const first = await cloud.ask("CreateSubnet", once);
    const again = await cloud.ask("CreateSubnet", once);
    expect(again.result["SubnetId"]).toBe(first.result["SubnetId"]);
    const other = { ...once, CidrBlock: "172.20.101.0/24" };
    expect(await cloud.ask("CreateSubnet", other)).toMatchObject({
      status: 400,
      code: "IdempotentParameterMismatch",
    });
    expect(cloud.fake.audit().subnetsLeft).toHaveLength(1);
  });
});

describe("a subnet's addresses", () => {
  const counts = async (cloud: Awaited<ReturnType<typeof openFake>>, id: string) => {
    const { result } = await cloud.ask("DescribeSubnetAttributes", { SubnetId: id });
    return [result["TotalIpv4Count"], result["AvailableIpAddressCount"]];
  };

  it("are all but network, gateway and broadcast; .254 is one of them", async () => {
    await using cloud = await openFake();
    const id = await cloud.makeSubnet();
    expect(await counts(cloud, id)).toEqual([253, 253]);
    await cloud.makeEni(id, { PrimaryIpAddress: "172.20.100.254" });
    expect(await counts(cloud, id)).toEqual([253, 252]);
    for (const address of ["172.20.100.0", "172.20.100.1", "172.20.100.255", "172.20.100.254"])
      expect(
        (
          await cloud.ask("CreateNetworkInterface", {
            SubnetId: id,
            "SecurityGroupIds.1": GROUP,
            PrimaryIpAddress: address,
          })
        ).code,
      ).toBe("InvalidPrivateIp.InUse");
    expect(
      (
        await cloud.ask("CreateNetworkInterface", {
          SubnetId: id,
          "SecurityGroupIds.1": GROUP,
          PrimaryIpAddress: "172.20.101.5",
        })
      ).code,
    ).toBe("InvalidPrivateIp.Malformed");
  });

  it("are taken by primaries and secondaries, and free again when the interface is gone", async () => {
    await using cloud = await openFake();
    const id = await cloud.makeSubnet();
    const eni = await cloud.makeEni(id, { SecondaryPrivateIpAddressCount: "20" });
    expect(await counts(cloud, id)).toEqual([253, 232]);
    await cloud.ask("DeleteNetworkInterface", { NetworkInterfaceId: eni });
    expect(await counts(cloud, id)).toEqual([253, 253]);
  });

  it("run out", async () => {
    await using cloud = await openFake();
    const id = await cloud.makeSubnet("172.20.100.0/29");
    const query = {
      SubnetId: id,
      "SecurityGroupIds.1": GROUP,
      SecondaryPrivateIpAddressCount: "5",
    };
    expect(await cloud.ask("CreateNetworkInterface", query)).toMatchObject({
      status: 400,
      code: "InsufficientIpInSubnet",
    });
    expect(
      (await cloud.ask("CreateNetworkInterface", { ...query, SecondaryPrivateIpAddressCount: "4" }))
        .status,
    ).toBe(200);
    expect(await counts(cloud, id)).toEqual([5, 0]);
  });
});

describe("DeleteSubnet", () => {
  it("is refused while an interface is in it, and a while after", async () => {
    await using cloud = await openFake({ settings: LATE });
    const id = await cloud.makeSubnet();
    const eni = await cloud.makeEni(id);
    const tries = async () => (await cloud.ask("DeleteSubnet", { SubnetId: id })).code;
    expect(await tries()).toBe("InvalidSubnet.InUse");
    await cloud.ask("DeleteNetworkInterface", { NetworkInterfaceId: eni });
    const gone = async () =>
      (await cloud.ask("DescribeNetworkInterfaceAttributes", { NetworkInterfaceId: eni })).code;
    for (const look of ["", "", "InvalidEniId.NotFound"]) expect(await gone()).toBe(look);
    expect([await tries(), await tries(), await tries()]).toEqual([
      "InvalidSubnet.InUse",
      "InvalidSubnet.InUse",
      "",
    ]);
  });

  it("is pending, then not found", async () => {
    await using cloud = await openFake({ settings: LATE });
    const id = await cloud.makeSubnet();
    await cloud.ask("DeleteSubnet", { SubnetId: id });
    const pending = await cloud.ask("DescribeSubnetAttributes", { SubnetId: id });
    expect(pending.result["Status"]).toBe("Pending");
    expect((await cloud.ask("DeleteSubnet", { SubnetId: id })).code).toBe(
      "InvalidSubnet.InvalidStatus",
    );
    const reply = await cloud.ask("DescribeSubnetAttributes", { SubnetId: id });
    expect(reply).toMatchObject({ status: 404, code: "InvalidSubnet.NotFound" });
  });

  it("is refused for the hosts' subnet", async () => {
    await using cloud = await openFake();
    expect((await cloud.ask("DeleteSubnet", { SubnetId: HOST_SUBNET })).code).toBe(
      "InvalidSubnet.InUse",
    );
  });
});

describe("DescribeSubnets", () => {
  it("wants all filters and all tags to hold, any value of one tag", async () => {
    await using cloud = await openFake();
    const tag = (number: number, key: string, value: string) => ({
      [`Tags.${number}.Key`]: key,
      [`Tags.${number}.Value`]: value,
    });
    const both = await cloud.makeSubnet("172.20.100.0/24", {
      ...tag(1, "by", "us"),
      ...tag(2, "node", "1"),
    });
    await cloud.makeSubnet("172.20.101.0/24", { ...tag(1, "by", "us"), ...tag(2, "node", "2") });
    const found = async (query: Record<string, string>) =>
      listIn(await cloud.ask("DescribeSubnets", query), "Subnets").map(({ SubnetId }) => SubnetId);
    const us = { "TagFilters.1.Key": "by", "TagFilters.1.Values.1": "us" };
    const node1 = { "TagFilters.2.Key": "node", "TagFilters.2.Values.1": "1" };
    expect(await found({ VpcId: VPC })).toHaveLength(3);
    expect(await found({ VpcId: VPC, ...us })).toHaveLength(2);
    expect(await found({ VpcId: VPC, ...us, ...node1 })).toEqual([both]);
    expect(await found({ VpcId: VPC, ...us, ...node1, "TagFilters.2.Values.2": "2" })).toHaveLength(
      2,
    );
    expect(await found({ VpcId: VPC, ZoneId: OTHER_ZONE, ...us })).toEqual([]);
  });
});
