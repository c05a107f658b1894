// Security groups: what they show of themselves, and how a rule may be added to one.

import { describe, expect, it } from "vitest";
import { AT_ONCE, listIn, openFake } from "./open-fake.ts";
import { GROUP, HOST_SUBNET, VPC } from "./standard-scenario.ts";

const open = {
  SecurityGroupId: GROUP,
  Protocol: "all",
  PortStart: "-1",
  PortEnd: "-1",
  CidrIp: "172.20.0.0/16",
};

describe("DescribeSecurityGroups", () => {
  it("counts the addresses of all interfaces in a group", async () => {
    await using cloud = await openFake();
    await cloud.makeEni(HOST_SUBNET, { SecondaryPrivateIpAddressCount: "20" });
    const reply = await cloud.ask("DescribeSecurityGroups", { VpcId: VPC });
    expect(listIn(reply, "SecurityGroups")).toMatchObject([
      {
        SecurityGroupId: GROUP,
        UsedIpCount: 23,
        AvailableIpCount: 1977,
        UsedNetworkInterfaceCount: 3,
      },
    ]);
    const none = await cloud.ask("DescribeSecurityGroups", { VpcId: "vpc-none" });
    expect(listIn(none, "SecurityGroups")).toEqual([]);
  });
});

describe("AuthorizeSecurityGroupIngress", () => {
  it("adds a rule once, which Describe shows and the audit sees", async () => {
    await using cloud = await openFake({ ingressOpen: false, settings: AT_ONCE });
    expect((await cloud.ask("AuthorizeSecurityGroupIngress", open)).status).toBe(200);
    const reply = await cloud.ask("DescribeSecurityGroupAttributes", {
      SecurityGroupId: GROUP,
      Direction: "ingress",
      Protocol: "all",
    });
    expect(listIn(reply, "Permissions")).toMatchObject([
      { CidrIp: "172.20.0.0/16", PortStart: -1, PortEnd: -1, Policy: "accept", Priority: 1 },
    ]);
    expect(await cloud.ask("AuthorizeSecurityGroupIngress", open)).toMatchObject({
      status: 400,
      code: "InvalidSecurityGroupRule.Duplicate",
    });
    expect(cloud.fake.audit().changed).toEqual([expect.stringMatching(`^${GROUP}: permissions `)]);
  });

  it.each([
    ["an unknown group", { SecurityGroupId: "sg-none" }, "InvalidSecurityGroup.NotFound"],
    ["an unknown protocol", { Protocol: "any" }, "InvalidParameter"],
    ["ports with all protocols", { PortStart: "1", PortEnd: "65535" }, "InvalidParameter"],
    ["no ports with tcp", { Protocol: "tcp" }, "InvalidParameter"],
    ["a range backwards", { Protocol: "tcp", PortStart: "90", PortEnd: "80" }, "InvalidParameter"],
    ["two sources", { SourceGroupId: GROUP }, "InvalidParameter"],
    ["a source that is no CIDR", { CidrIp: "the VPC" }, "InvalidParameter"],
    ["an unknown policy", { Policy: "allow" }, "InvalidParameter"],
  ])("refuses %s", async (_, change, code) => {
    await using cloud = await openFake({ ingressOpen: false, settings: AT_ONCE });
    expect((await cloud.ask("AuthorizeSecurityGroupIngress", { ...open, ...change })).code).toBe(
      code,
    );
    expect(cloud.fake.audit().clean).toBe(true);
  });
});

describe("DescribeInstanceTypes", () => {
  it("tells the limits, the primary ones included", async () => {
    await using cloud = await openFake();
    const reply = await cloud.ask(
      "DescribeInstanceTypes",
      { "InstanceTypeIds.1": "ecs.ebmg3i.24xlarge" },
      { service: "ecs" },
    );
    expect(listIn(reply, "InstanceTypes")).toMatchObject([
      {
        Network: {
          MaximumNetworkInterfaces: 8,
          MaximumPrivateIpv4AddressesPerNetworkInterface: 21,
        },
      },
    ]);
  });
});
