// The audit: what is left of ours, what is lost or touched of others, and that a full round leaves nothing.

import { describe, expect, it } from "vitest";
import { AT_ONCE, LATE, type OpenFake, openFake } from "./open-fake.ts";
import { HOST_SUBNET, NODES } from "./standard-scenario.ts";

type Act = (cloud: OpenFake) => Promise<unknown>;
const cello = "eni-cello000000000001";

describe("the audit", () => {
  it("finds nothing after a round that took everything back", async () => {
    await using cloud = await openFake({ foreign: true, settings: LATE });
    const subnet = await cloud.makeSubnet();
    const eni = await cloud.attachedEni(subnet, { SecondaryPrivateIpAddressCount: "20" });
    expect(cloud.fake.audit()).toMatchObject({
      clean: false,
      enisLeft: [{ id: eni, status: "InUse", instance: NODES[0], subnet, addresses: 21 }],
      subnetsLeft: [{ id: subnet, cidr: "172.20.100.0/24" }],
      addressesInUse: { [subnet]: 21 },
      lost: [],
      changed: [],
    });
    const named = { NetworkInterfaceId: eni };
    await cloud.ask("DetachNetworkInterface", { ...named, InstanceId: NODES[0] });
    await cloud.until("DescribeNetworkInterfaceAttributes", named, "Available");
    await cloud.ask("DeleteNetworkInterface", named);
    await expect
      .poll(async () => (await cloud.ask("DeleteSubnet", { SubnetId: subnet })).code)
      .not.toBe("InvalidSubnet.InUse");
    expect(cloud.fake.audit()).toMatchObject({
      clean: true,
      enisLeft: [],
      subnetsLeft: [],
      addressesInUse: {},
    });
    expect(cloud.fake.log.unexpected).toEqual([]);
  });

  const harms: readonly [what: string, act: Act, found: object][] = [
    [
      "a foreign interface that was deleted",
      async (cloud) => {
        await cloud.ask("DetachNetworkInterface", {
          NetworkInterfaceId: cello,
          InstanceId: NODES[0],
        });
        await cloud.ask("DeleteNetworkInterface", { NetworkInterfaceId: cello });
      },
      { lost: [cello] },
    ],
    [
      "an address taken from a foreign interface",
      (cloud) =>
        cloud.ask("UnassignPrivateIpAddresses", {
          NetworkInterfaceId: cello,
          "PrivateIpAddress.1": "172.20.0.21",
        }),
      { changed: [`${cello}: secondaryIps ["172.20.0.21","172.20.0.22"] → ["172.20.0.22"]`] },
    ],
    [
      "a tag put on a foreign interface",
      (cloud) =>
        cloud.ask("TagResources", {
          ResourceType: "eni",
          "ResourceIds.1": cello,
          "Tags.1.Key": "ours",
        }),
      { changed: [expect.stringMatching(/^eni-cello\d+: tags /)] },
    ],
    [
      "a tag put on the hosts' subnet",
      (cloud) =>
        cloud.ask("TagResources", {
          ResourceType: "subnet",
          "ResourceIds.1": HOST_SUBNET,
          "Tags.1.Key": "ours",
        }),
      { changed: [expect.stringMatching(/^subnet-\w+: tags /)] },
    ],
    [
      "an interface that was made and left",
      (cloud) => cloud.makeEni(HOST_SUBNET),
      { addressesInUse: { [HOST_SUBNET]: 1 } },
    ],
  ];
  it.each(harms)("finds %s", async (_, act, found) => {
    await using cloud = await openFake({ foreign: true, settings: AT_ONCE });
    await act(cloud);
    expect(cloud.fake.audit()).toMatchObject({ clean: false, ...found });
  });

  it("holds against a later state as well", async () => {
    await using cloud = await openFake();
    const eni = await cloud.makeEni(HOST_SUBNET);
    const before = cloud.fake.snapshot();
    expect(cloud.fake.audit(before).clean).toBe(true);
    await cloud.ask("DeleteNetworkInterface", { NetworkInterfaceId: eni });
    expect(cloud.fake.audit(before).lost).toEqual([eni]);
  });
});

describe("TagResources", () => {
  it("replaces a tag's value, and touches nothing when one resource is unknown", async () => {
    await using cloud = await openFake();
    const eni = await cloud.makeEni(HOST_SUBNET, { "Tags.1.Key": "node", "Tags.1.Value": "1" });
    const tag = (...ids: string[]) =>
      cloud.ask("TagResources", {
        ResourceType: "eni",
        ...Object.fromEntries(ids.map((id, index) => [`ResourceIds.${index + 1}`, id])),
        "Tags.1.Key": "node",
        "Tags.1.Value": "2",
      });
    const tags = async () =>
      (await cloud.ask("DescribeNetworkInterfaceAttributes", { NetworkInterfaceId: eni })).result[
        "Tags"
      ];
    expect((await tag(eni, "eni-none")).code).toBe("InvalidEniId.NotFound");
    expect(await tags()).toEqual([{ Key: "node", Value: "1" }]);
    expect((await tag(eni)).status).toBe(200);
    expect(await tags()).toEqual([{ Key: "node", Value: "2" }]);
  });
});
