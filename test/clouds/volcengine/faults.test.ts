// What goes wrong on the way: throttling, errors with status 200, gateway pages, and answers lost after the write.

import { describe, expect, it } from "vitest";
import type { FaultKind } from "#test/clouds/shared/fault-plan.ts";
import { AT_ONCE, openFake } from "./open-fake.ts";
import { signed } from "./signed-request.ts";
import { VPC, ZONE } from "./standard-scenario.ts";

const subnet = { VpcId: VPC, ZoneId: ZONE, CidrBlock: "172.20.100.0/24", ClientToken: "t" };

describe("throttling", () => {
  it("lets a burst through, then what the rate allows, reads and writes apart", async () => {
    const rates = { readRate: { perSecond: 4, burst: 7 }, writeRate: { perSecond: 2, burst: 3 } };
    await using cloud = await openFake({ settings: { ...AT_ONCE, ...rates } });
    const passed = async (action: string, count: number) => {
      const replies: string[] = [];
      for (let call = 0; call < count; call += 1) replies.push((await cloud.ask(action, {})).code);
      return replies.filter((code) => code !== "FlowLimitExceeded").length;
    };
    expect(await passed("DescribeVpcs", 10)).toBe(7);
    expect(await passed("DeleteSubnet", 10)).toBe(3);
    cloud.fake.advance(1000);
    expect(await passed("DescribeVpcs", 10)).toBe(4);
    expect(await passed("DeleteSubnet", 10)).toBe(2);
    expect(await cloud.ask("DescribeVpcs")).toMatchObject({ status: 429, codeN: 100018 });
    cloud.fake.change({ kind: "settings", settings: { throttle: "AccountFlowLimitExceeded" } });
    expect(await cloud.ask("DescribeVpcs")).toMatchObject({ status: 429, codeN: 100027 });
  });

  it("is one limit for all keys of an account", async () => {
    await using cloud = await openFake({
      settings: { ...AT_ONCE, readRate: { perSecond: 1, burst: 1 } },
    });
    cloud.fake.change({ kind: "credential", credential: { accessKeyId: "AK2", secretKey: "s2" } });
    cloud.fake.change({
      kind: "credential",
      credential: { accessKeyId: "AK3", secretKey: "s3", account: "2100000007" },
    });
    const as = async (accessKeyId: string, secretKey: string) =>
      (await cloud.ask("DescribeVpcs", {}, { accessKeyId, secretKey })).status;
    expect((await cloud.ask("DescribeVpcs")).status).toBe(200);
    expect(await as("AK2", "s2")).toBe(429);
    expect(await as("AK3", "s3")).toBe(200);
  });
});

describe("an error", () => {
  it("comes with status 200 where the setting says so", async () => {
    await using cloud = await openFake({ settings: { ...AT_ONCE, errorsAsOk: true } });
    expect(await cloud.ask("DescribeVpcAttributes", { VpcId: "vpc-none" })).toMatchObject({
      status: 200,
      code: "InvalidVpc.NotFound",
    });
  });
});

describe("a planned fault", () => {
  const answered: readonly [kind: FaultKind, status: number, body: RegExp, applied: boolean][] = [
    ["fail-before", 500, /"InternalError"/, false],
    ["throttle", 429, /"FlowLimitExceeded"/, false],
    ["denied", 403, /"AccessDenied".*vpc:CreateSubnet/, false],
    ["garbage", 502, /<html>/, false],
    ["garbage-after", 200, /<html>/, true],
    ["truncated", 200, /^\{"ResponseMetadata":(?!.*\}\}$)/, true],
  ];
  it.each(answered)("%s answers %i", async (kind, status, body, applied) => {
    await using cloud = await openFake();
    cloud.fake.faults.plan({ call: "CreateSubnet", nth: 1, kind });
    const { path, init } = signed("CreateSubnet", subnet);
    const response = await fetch(cloud.url + path, init);
    expect(response.status).toBe(status);
    expect(await response.text()).toMatch(body);
    expect(cloud.fake.audit().subnetsLeft).toHaveLength(applied ? 1 : 0);
  });

  it.each([
    ["reset", 0],
    ["lost-after", 1],
  ] as const)("%s resets the connection", async (kind, left) => {
    await using cloud = await openFake();
    cloud.fake.faults.plan({ call: "any-mutating", nth: 1, kind });
    await expect(cloud.ask("CreateSubnet", subnet)).rejects.toThrow("fetch failed");
    expect(cloud.fake.audit().subnetsLeft).toHaveLength(left);
  });

  it("lost after the write is healed by the same token", async () => {
    await using cloud = await openFake();
    cloud.fake.faults.plan({ call: "CreateSubnet", nth: 1, kind: "lost-after" });
    await expect(cloud.ask("CreateSubnet", subnet)).rejects.toThrow();
    expect((await cloud.ask("CreateSubnet", subnet)).status).toBe(200);
    expect(cloud.fake.audit().subnetsLeft).toHaveLength(1);
  });

  it.each([
    ["hang", 0],
    ["hang-after", 1],
  ] as const)("%s never answers", async (kind, left) => {
    await using cloud = await openFake();
    cloud.fake.faults.plan({ call: "CreateSubnet", nth: 1, kind });
    const { path, init } = signed("CreateSubnet", subnet);
    const ending = new AbortController();
    const asked = fetch(cloud.url + path, { ...init, signal: ending.signal });
    await expect.poll(() => cloud.fake.log.calls[0]?.outcome).toBe(kind);
    ending.abort();
    await expect(asked).rejects.toThrow("aborted");
    expect(cloud.fake.audit().subnetsLeft).toHaveLength(left);
  });
});
