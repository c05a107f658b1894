// How parameters have to be sent, and how lists come in pages; what is sent otherwise is recorded as unexpected.

import { describe, expect, it } from "vitest";
import { AT_ONCE, listIn, openFake, openScenario } from "./open-fake.ts";
import type { Query } from "./signed-request.ts";
import { GROUP, HOST_SUBNET, VPC, ZONE, standardScenario } from "./standard-scenario.ts";

describe("a parameter", () => {
  const eni = { SubnetId: HOST_SUBNET, "SecurityGroupIds.1": GROUP };
  const refusals: readonly [what: string, action: string, query: Query, code: string][] = [
    [
      "a list that is not flattened",
      "DescribeSubnets",
      [
        ["SubnetIds", "a"],
        ["SubnetIds", "b"],
      ],
      "InvalidParameter",
    ],
    [
      "a list of one that is not flattened",
      "CreateNetworkInterface",
      { SubnetId: HOST_SUBNET, SecurityGroupIds: GROUP },
      "InvalidParameter",
    ],
    ["a list numbered from 0", "DescribeSubnets", { "SubnetIds.0": "a" }, "InvalidParameter"],
    [
      "a list with a gap",
      "DescribeSubnets",
      { "SubnetIds.1": "a", "SubnetIds.3": "b" },
      "InvalidParameter",
    ],
    ["a single value sent as a list", "DescribeSubnets", { "VpcId.1": VPC }, "InvalidParameter"],
    [
      "the same parameter twice",
      "DescribeSubnets",
      [
        ["VpcId", VPC],
        ["VpcId", VPC],
      ],
      "InvalidParameter",
    ],
    [
      "an empty ClientToken",
      "CreateNetworkInterface",
      { ...eni, ClientToken: "" },
      "InvalidParameter",
    ],
    [
      "a ClientToken that is too long",
      "CreateNetworkInterface",
      { ...eni, ClientToken: "x".repeat(65) },
      "InvalidParameter",
    ],
    [
      "a ClientToken where there is none",
      "AttachNetworkInterface",
      { NetworkInterfaceId: "e", InstanceId: "i", ClientToken: "x" },
      "InvalidParameter",
    ],
    ["an empty filter", "DescribeSubnets", { VpcId: "" }, "InvalidParameter"],
    [
      "a parameter that the action does not know",
      "DescribeSubnets",
      { CidrBlock: "172.20.0.0/20" },
      "InvalidParameter",
    ],
    ["a number that is none", "DescribeSubnets", { PageSize: "many" }, "InvalidParameter"],
    ["a missing parameter", "CreateSubnet", { VpcId: VPC, ZoneId: ZONE }, "MissingParameter"],
    ["a missing list", "CreateNetworkInterface", { SubnetId: HOST_SUBNET }, "MissingParameter"],
    [
      "a tag without a key",
      "CreateNetworkInterface",
      { ...eni, "Tags.1.Value": "x" },
      "MissingParameter",
    ],
    [
      "an unknown resource type",
      "TagResources",
      { ResourceType: "vm", "ResourceIds.1": "x", "Tags.1.Key": "k" },
      "InvalidParameter",
    ],
    ["an unknown action", "CreateNetworkCard", {}, "InvalidActionOrVersion"],
  ];
  it.each(refusals)("is refused: %s", async (_, action, query, code) => {
    await using cloud = await openFake();
    const before = cloud.fake.snapshot();
    expect(await cloud.ask(action, query)).toMatchObject({ code });
    expect(cloud.fake.log.unexpected).toHaveLength(1);
    expect(cloud.fake.audit(before).clean).toBe(true);
  });

  it("of the right form leaves nothing unexpected", async () => {
    await using cloud = await openFake();
    const query = { ...eni, "Tags.1.Key": "k", "Tags.1.Value": "v", Description: "" };
    expect((await cloud.ask("CreateNetworkInterface", query)).status).toBe(200);
    expect(cloud.fake.log.unexpected).toEqual([]);
  });

  it("is not read from a PUT", async () => {
    await using cloud = await openFake();
    expect(await cloud.ask("DescribeVpcs", {}, { method: "PUT" })).toMatchObject({ status: 405 });
  });
});

describe("a long list", () => {
  /** 120 more subnets. */
  function manySubnets() {
    const scenario = standardScenario({ settings: AT_ONCE });
    const [region] = scenario.regions;
    if (region === undefined) throw new Error("the scenario has no region");
    const subnets = Array.from({ length: 120 }, (_, index) => ({
      id: `subnet-${index}`,
      vpcId: VPC,
      zoneId: ZONE,
      cidr: `172.20.${100 + index}.0/24`,
    }));
    return {
      ...scenario,
      regions: [{ ...region, subnets: [...(region.subnets ?? []), ...subnets] }],
    };
  }
  const pages: readonly [what: string, query: Query, count: number][] = [
    ["ten entries unless asked", {}, 10],
    ["a hundred at most", { PageSize: "100" }, 100],
    ["the rest on the next page", { PageSize: "100", PageNumber: "2" }, 21],
    ["nothing after the last page", { PageSize: "100", PageNumber: "3" }, 0],
    ["ten entries by token unless asked", { MaxResults: "10" }, 10],
  ];
  it.each(pages)("has %s", async (_, query, count) => {
    await using cloud = await openScenario(manySubnets());
    const reply = await cloud.ask("DescribeSubnets", query);
    expect(listIn(reply, "Subnets")).toHaveLength(count);
    expect(reply.result["TotalCount"]).toBe(121);
  });

  it.each([
    ["more than a hundred", { PageSize: "101" }],
    ["more than a hundred by token", { MaxResults: "101" }],
    ["page 0", { PageNumber: "0" }],
    ["both ways of paging", { PageNumber: "1", MaxResults: "10" }],
    ["a token that was not given", { NextToken: "x" }],
  ])("is refused with %s", async (_, query) => {
    await using cloud = await openScenario(manySubnets());
    expect((await cloud.ask("DescribeSubnets", query)).code).toBe("InvalidParameter");
  });

  it("is read whole by its tokens", async () => {
    await using cloud = await openScenario(manySubnets());
    const seen = new Set<unknown>();
    let token = "";
    do {
      const next: Record<string, string> = token === "" ? {} : { NextToken: token };
      const reply = await cloud.ask("DescribeSubnets", { MaxResults: "50", ...next });
      for (const { SubnetId } of listIn(reply, "Subnets")) seen.add(SubnetId);
      token = String(reply.result["NextToken"]);
    } while (token !== "");
    expect(seen.size).toBe(121);
  });

  it("is null when it is empty, or a list where the setting says so", async () => {
    await using cloud = await openFake();
    const none = { VpcId: "vpc-none" };
    expect((await cloud.ask("DescribeSubnets", none)).result["Subnets"]).toBeNull();
    cloud.fake.change({ kind: "settings", settings: { emptyListIsNull: false } });
    expect((await cloud.ask("DescribeSubnets", none)).result["Subnets"]).toEqual([]);
  });
});
