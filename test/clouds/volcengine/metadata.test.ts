// The metadata service: both spellings of its paths, tokens, role credentials, strange interfaces, and its lateness.

import { describe, expect, it } from "vitest";
import { AT_ONCE, type OpenFake, openFake, openScenario } from "./open-fake.ts";
import {
  HOST_SUBNET,
  NODES,
  REGION,
  type StandardOptions,
  VPC,
  ZONE,
  standardScenario,
} from "./standard-scenario.ts";

type Settings = StandardOptions["settings"];
const MACS = "/latest/network/interfaces/macs";

async function get(cloud: OpenFake, path: string, init?: RequestInit): Promise<string> {
  await using server = await cloud.fake.listenMetadata(NODES[0]);
  const response = await fetch(server.url + path, init);
  return response.ok ? response.text() : String(response.status);
}

describe("the metadata", () => {
  it.each([
    ["/latest/instance_id", NODES[0]],
    ["/latest/Instance_ID", NODES[0]],
    ["/volcstack/latest/instance_id", NODES[0]],
    ["/latest/instance_type_id", "ecs.ebmg3i.24xlarge"],
    ["/latest/hostname", "node-1"],
    ["/latest/mac", "00:16:3e:a0:00:01"],
    ["/latest/region_id", REGION],
    ["/latest/availability_zone", ZONE],
    ["/latest/vpc_id", VPC],
    ["/latest/vpc_cidr_block", "172.20.0.0/16"],
    ["/latest/owner_account_id", "2100000001"],
    ["/latest/meta-data/instance-id", NODES[0]],
    ["/latest/meta-data/vpc-id", VPC],
    ["/latest/meta-data/placement/availability-zone", ZONE],
    ["/latest/meta-data/local-ipv4", "172.20.1.10"],
    [`${MACS}`, "00:16:3e:a0:00:01\n"],
    [`${MACS}/00:16:3e:a0:00:01/primary_ip_address`, "172.20.1.10"],
    [`${MACS}/00:16:3E:A0:00:01/subnet_id`, HOST_SUBNET],
    [`${MACS}/00:16:3e:a0:00:01/gateway`, "172.20.0.1"],
    [`${MACS}/00:16:3e:a0:00:01/nothing`, "404"],
    ["/latest/nothing", "404"],
    ["/latest/meta-data/instance_id", "404"],
    ["/", "404"],
  ])("answers %s", async (path, expected) => {
    await using cloud = await openFake();
    expect(await get(cloud, path)).toBe(expected);
  });

  const modes: readonly [mode: "documented" | "legacy", path: string, status: string][] = [
    ["documented", "/latest/meta-data/instance-id", "404"],
    ["documented", "/latest/instance_id", NODES[0]],
    ["legacy", "/latest/instance_id", "404"],
    ["legacy", "/latest/meta-data/instance-id", NODES[0]],
  ];
  it.each(modes)(
    "knows one spelling only where set so: %s %s",
    async (metadataPaths, path, expected) => {
      await using cloud = await openFake({ settings: { ...AT_ONCE, metadataPaths } });
      expect(await get(cloud, path)).toBe(expected);
    },
  );

  it("lists interfaces of which it knows nothing more", async () => {
    const scenario = standardScenario({ settings: AT_ONCE });
    const strange = "00:16:3e:dd:00:01";
    await using cloud = await openScenario({
      ...scenario,
      regions: scenario.regions.map((region) => ({
        ...region,
        instances: (region.instances ?? []).map((one) => ({ ...one, strangeMacs: [strange] })),
      })),
    });
    expect(await get(cloud, MACS)).toContain(strange);
    expect(await get(cloud, `${MACS}/${strange}/primary_ip_address`)).toBe("404");
  });

  it("shows an interface a few looks after the API does", async () => {
    await using cloud = await openFake({ settings: { ...AT_ONCE, metadata: { polls: 2 } } });
    await using server = await cloud.fake.listenMetadata(NODES[0]);
    const macs = async () =>
      (await (await fetch(server.url + MACS)).text()).trim().split("\n").length;
    expect(await macs()).toBe(1);
    await cloud.attachedEni(HOST_SUBNET);
    expect([await macs(), await macs(), await macs()]).toEqual([1, 1, 2]);
  });
});

describe("a metadata token", () => {
  const ttl = (seconds: string) => ({
    method: "PUT",
    headers: { "x-volc-ecs-metadata-token-ttl-seconds": seconds },
  });
  const withToken = (token: string) => ({ headers: { "x-volc-ecs-metadata-token": token } });

  const rules: readonly [mode: "none" | "optional" | "enforced", bare: string, put: RegExp][] = [
    ["none", NODES[0], /^404$/],
    ["optional", NODES[0], /^[\w-]{20,}$/],
    ["enforced", "401", /^[\w-]{20,}$/],
  ];
  it.each(rules)("is %s", async (metadataTokens, bare, put) => {
    const settings: Settings = { ...AT_ONCE, metadataTokens };
    await using cloud = await openFake({ settings });
    await using server = await cloud.fake.listenMetadata(NODES[0]);
    const read = async (path: string, init?: RequestInit) => {
      const response = await fetch(server.url + path, init);
      return response.ok ? response.text() : String(response.status);
    };
    expect(await read("/latest/instance_id")).toBe(bare);
    const token = await read("/latest/api/token", ttl("60"));
    expect(token).toMatch(put);
    if (metadataTokens === "none") return;
    expect(await read("/latest/instance_id", withToken(token))).toBe(NODES[0]);
    expect(await read("/latest/instance_id", withToken("made-up"))).toBe("401");
    expect(await read("/latest/api/token", ttl("21601"))).toBe("400");
    cloud.fake.advance(60_000);
    expect(await read("/latest/instance_id", withToken(token))).toBe("401");
  });
});

describe("role credentials", () => {
  const path = "/volcstack/latest/iam/security_credentials";

  it("are handed out, and accepted by the API until they end", async () => {
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const role = {
      accessKeyId: "AKTProle",
      secretKey: "role-secret",
      sessionToken: "role-token",
      expiresAt,
      role: "CocoonNode",
    };
    await using cloud = await openScenario({
      ...standardScenario({ settings: AT_ONCE }),
      credentials: [role],
    });
    expect(await get(cloud, `${path}?type=user&format=json`)).toBe('["CocoonNode"]');
    expect(await get(cloud, path)).toBe("CocoonNode\n");
    const given = JSON.parse(await get(cloud, `${path}/CocoonNode`)) as Record<string, string>;
    expect(given).toMatchObject({
      AccessKeyId: "AKTProle",
      SessionToken: "role-token",
      ExpiredTime: expiresAt,
    });
    const signing = {
      accessKeyId: given["AccessKeyId"] ?? "",
      secretKey: given["SecretAccessKey"] ?? "",
      sessionToken: given["SessionToken"] ?? "",
    };
    expect((await cloud.ask("DescribeVpcs", {}, signing)).status).toBe(200);
    cloud.fake.change({ kind: "skew", ms: 60_000 });
    expect((await cloud.ask("DescribeVpcs", {}, signing)).code).toBe("InvalidSecretToken");
  });

  it("are not there without a role", async () => {
    await using cloud = await openFake();
    expect(await get(cloud, path)).toBe("404");
  });
});
