// Reading interfaces: each filter, all of them together, and how late a change is seen.

import { describe, expect, it } from "vitest";
import { AT_ONCE, LATE, type OpenFake, listIn, openFake } from "./open-fake.ts";
import { HOST_SUBNET, NODES, VPC } from "./standard-scenario.ts";

const on = (eni: string) => ({ NetworkInterfaceId: eni, InstanceId: NODES[0] });

describe("DescribeNetworkInterfaces", () => {
  const ids = async (cloud: OpenFake, query: Record<string, string>) =>
    listIn(await cloud.ask("DescribeNetworkInterfaces", query), "NetworkInterfaceSets").map(
      ({ NetworkInterfaceId }) => NetworkInterfaceId,
    );

  it.each([
    [
      "of the instance, without other accounts'",
      { InstanceId: NODES[0] },
      ["eni-primary0000000001", "eni-cello000000000001", "eni-managed0000000001"],
    ],
    ["that are primary", { InstanceId: NODES[0], Type: "primary" }, ["eni-primary0000000001"]],
    ["that a service manages", { ServiceManaged: "true" }, ["eni-managed0000000001"]],
    ["with a tag", { "TagFilters.1.Key": "k8s:cello:created-by" }, ["eni-cello000000000001"]],
    [
      "with a tag and a type that exclude each other",
      { "TagFilters.1.Key": "k8s:cello:created-by", Type: "primary" },
      [],
    ],
    [
      "with a secondary address",
      { VpcId: VPC, "PrivateIpAddresses.1": "172.20.0.22" },
      ["eni-cello000000000001"],
    ],
    [
      "with a primary address",
      { "PrimaryIpAddresses.1": "172.20.1.11" },
      ["eni-primary0000000002"],
    ],
    [
      "by id",
      { "NetworkInterfaceIds.1": "eni-cello000000000001", "NetworkInterfaceIds.2": "eni-none" },
      ["eni-cello000000000001"],
    ],
    ["that are free", { Status: "Available" }, []],
  ])("finds those %s", async (_, query, expected) => {
    await using cloud = await openFake({ foreign: true, settings: AT_ONCE });
    expect(await ids(cloud, query)).toEqual(expected);
  });

  it("wants the VPC with a secondary address", async () => {
    await using cloud = await openFake();
    expect(
      (await cloud.ask("DescribeNetworkInterfaces", { "PrivateIpAddresses.1": "172.20.0.22" }))
        .code,
    ).toBe("MissingParameter");
  });

  it("does not show at once that an interface is attached", async () => {
    await using cloud = await openFake({ settings: LATE });
    const eni = await cloud.makeEni(HOST_SUBNET);
    await cloud.ask("AttachNetworkInterface", on(eni));
    expect(await ids(cloud, { InstanceId: NODES[0] })).not.toContain(eni);
    expect(await ids(cloud, { InstanceId: NODES[0] })).toContain(eni);
  });

  it("sees interfaces that outlive their instance, but for those deleted with it", async () => {
    await using cloud = await openFake();
    const kept = await cloud.attachedEni(HOST_SUBNET);
    const eni = await cloud.makeEni(HOST_SUBNET);
    await cloud.ask("AttachNetworkInterface", { ...on(eni), DeleteOnTermination: "true" });
    cloud.fake.change({ kind: "terminate", id: NODES[0] });
    expect(await ids(cloud, { Status: "Available" })).toEqual([kept]);
  });
});
