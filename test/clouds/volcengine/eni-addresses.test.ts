// Secondary addresses of an interface: assigned, unassigned, counted, and what the answers can be trusted for.

import { describe, expect, it } from "vitest";
import { AT_ONCE, LATE, type OpenFake, openFake } from "./open-fake.ts";
import { GROUP, HOST_SUBNET, NODES } from "./standard-scenario.ts";

const COUNT = "SecondaryPrivateIpAddressCount";

async function secondaries(cloud: OpenFake, eni: string): Promise<readonly unknown[]> {
  const { result } = await cloud.ask("DescribeNetworkInterfaceAttributes", {
    NetworkInterfaceId: eni,
  });
  const { PrivateIpSet } = result["PrivateIpSets"] as {
    PrivateIpSet: { PrivateIpAddress: string; Primary: boolean }[];
  };
  return PrivateIpSet.filter(({ Primary }) => !Primary).map(
    ({ PrivateIpAddress }) => PrivateIpAddress,
  );
}

describe("AssignPrivateIpAddresses", () => {
  it.each([
    ["neither addresses nor a count", {}, "MissingParameter"],
    ["both", { [COUNT]: "1", "PrivateIpAddress.1": "172.20.3.9" }, "InvalidParameter"],
    [
      "an address of another subnet",
      { "PrivateIpAddress.1": "172.20.99.9" },
      "InvalidPrivateIp.Malformed",
    ],
    ["an address in use", { "PrivateIpAddress.1": "172.20.1.10" }, "InvalidPrivateIp.InUse"],
    ["more than the type allows", { [COUNT]: "21" }, "LimitExceeded.PrivateIpsPerEni"],
  ])("refuses %s", async (_, query, code) => {
    await using cloud = await openFake();
    const eni = await cloud.attachedEni(HOST_SUBNET);
    expect(
      await cloud.ask("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, ...query }),
    ).toMatchObject({ status: 400, code });
    expect(await secondaries(cloud, eni)).toEqual([]);
  });

  it("answers with all secondary addresses, or with the new ones alone", async () => {
    await using cloud = await openFake();
    const eni = await cloud.attachedEni(HOST_SUBNET, { "PrivateIpAddress.1": "172.20.3.9" });
    const all = await cloud.ask("AssignPrivateIpAddresses", {
      NetworkInterfaceId: eni,
      "PrivateIpAddress.1": "172.20.3.10",
    });
    expect(all.result["PrivateIpSet"]).toEqual(["172.20.3.9", "172.20.3.10"]);
    cloud.fake.change({ kind: "settings", settings: { assignAnswersAll: false } });
    const fresh = await cloud.ask("AssignPrivateIpAddresses", {
      NetworkInterfaceId: eni,
      "PrivateIpAddress.1": "172.20.3.11",
    });
    expect(fresh.result["PrivateIpSet"]).toEqual(["172.20.3.11"]);
  });

  it("assigns once for one token", async () => {
    await using cloud = await openFake();
    const eni = await cloud.attachedEni(HOST_SUBNET);
    const query = { NetworkInterfaceId: eni, [COUNT]: "2", ClientToken: "t" };
    const first = await cloud.ask("AssignPrivateIpAddresses", query);
    const again = await cloud.ask("AssignPrivateIpAddresses", query);
    expect(again.result["PrivateIpSet"]).toEqual(first.result["PrivateIpSet"]);
    expect(await secondaries(cloud, eni)).toHaveLength(2);
    expect((await cloud.ask("AssignPrivateIpAddresses", { ...query, [COUNT]: "3" })).code).toBe(
      "IdempotentParameterMismatch",
    );
  });

  it("is shown late", async () => {
    await using cloud = await openFake({ settings: LATE });
    const eni = await cloud.attachedEni(HOST_SUBNET);
    await cloud.ask("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, [COUNT]: "2" });
    expect(await secondaries(cloud, eni)).toHaveLength(0);
    expect(await secondaries(cloud, eni)).toHaveLength(2);
  });

  it("is refused while the interface is being attached, and when the group is full", async () => {
    await using cloud = await openFake({ settings: { ...AT_ONCE, transition: { polls: 3 } } });
    const eni = await cloud.makeEni(HOST_SUBNET);
    await cloud.ask("AttachNetworkInterface", { NetworkInterfaceId: eni, InstanceId: NODES[0] });
    const query = { NetworkInterfaceId: eni, [COUNT]: "2" };
    expect((await cloud.ask("AssignPrivateIpAddresses", query)).code).toBe(
      "InvalidEni.InvalidStatus",
    );
    await cloud.until("DescribeNetworkInterfaceAttributes", { NetworkInterfaceId: eni }, "InUse");
    cloud.fake.change({ kind: "security-group", id: GROUP, ipQuota: 4 });
    expect((await cloud.ask("AssignPrivateIpAddresses", query)).code).toBe(
      "QuotaExceeded.SecurityGroupIp",
    );
  });

  it("allows 49 while the interface is attached to none", async () => {
    await using cloud = await openFake();
    const eni = await cloud.makeEni(HOST_SUBNET, { [COUNT]: "40" });
    const more = (count: string) =>
      cloud.ask("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, [COUNT]: count });
    expect((await more("10")).code).toBe("LimitExceeded.PrivateIpsPerEni");
    expect((await more("9")).status).toBe(200);
  });
});

describe("UnassignPrivateIpAddresses", () => {
  it("frees an address, and refuses one that is not assigned or primary", async () => {
    await using cloud = await openFake();
    const eni = await cloud.attachedEni(HOST_SUBNET, {
      PrimaryIpAddress: "172.20.3.8",
      "PrivateIpAddress.1": "172.20.3.9",
    });
    const drop = async (address: string) =>
      (
        await cloud.ask("UnassignPrivateIpAddresses", {
          NetworkInterfaceId: eni,
          "PrivateIpAddress.1": address,
        })
      ).code;
    expect([await drop("172.20.3.9"), await drop("172.20.3.9"), await drop("172.20.3.8")]).toEqual([
      "",
      "InvalidPrivateIp.Malformed",
      "InvalidPrivateIp.Malformed",
    ]);
    const other = await cloud.makeEni(HOST_SUBNET, { "PrivateIpAddress.1": "172.20.3.9" });
    expect(await secondaries(cloud, other)).toEqual(["172.20.3.9"]);
  });

  it("is forbidden on an interface that a service manages", async () => {
    await using cloud = await openFake({ foreign: true, settings: AT_ONCE });
    const query = {
      NetworkInterfaceId: "eni-managed0000000001",
      "PrivateIpAddress.1": "172.20.0.31",
    };
    expect(await cloud.ask("UnassignPrivateIpAddresses", query)).toMatchObject({
      status: 403,
      code: "Forbidden",
    });
    expect(await cloud.ask("AssignPrivateIpAddresses", query)).toMatchObject({
      status: 403,
      code: "Forbidden",
    });
  });
});
