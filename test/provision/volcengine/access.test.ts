// Who calls, from where, and what a person is told when that does not work.

import { describe, expect, it } from "vitest";
import { toBrokerError } from "#core/errors.ts";
import { kindOf } from "#provision/volcengine/fault.ts";
import { flatten } from "#provision/volcengine/api.ts";
import { endpointOf } from "#provision/volcengine/transport.ts";
import { ACCESS_KEY, SECRET_KEY } from "#test/clouds/volcengine/standard-scenario.ts";
import { PROMPT, type NodeOptions, openNode } from "./node.ts";

const failure = async (
  options: NodeOptions,
  prepare?: (node: Awaited<ReturnType<typeof openNode>>) => void,
) => {
  await using node = await openNode(options);
  prepare?.(node);
  const thrown = await node.init({ poolSize: 20 }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const error = toBrokerError(thrown);
  return { code: error.code, text: `${error.message} | ${error.details} | ${error.hint}`, node };
};

describe("credentials", () => {
  it.each([
    ["VOLCENGINE_ACCESS_KEY_ID", "VOLCENGINE_SECRET_ACCESS_KEY"],
    ["VOLCENGINE_ACCESS_KEY", "VOLCENGINE_SECRET_KEY"],
    ["VOLCSTACK_ACCESS_KEY_ID", "VOLCSTACK_SECRET_ACCESS_KEY"],
    ["VOLCSTACK_ACCESS_KEY", "VOLCSTACK_SECRET_KEY"],
    ["VOLC_ACCESSKEY", "VOLC_SECRETKEY"],
  ])("%s and %s work", async (key, secret) => {
    await using node = await openNode({ environment: { [key]: ACCESS_KEY, [secret]: SECRET_KEY } });
    expect((await node.init({ poolSize: 1 })).pool.ips).toHaveLength(1);
  });
  it("of the instance's role work, and are fetched anew when they expire under way", async () => {
    await using node = await openNode({ environment: {} });
    const key = (session: string, minutes: number) => ({
      kind: "credential",
      credential: {
        accessKeyId: "AKTProle",
        secretKey: "role-secret",
        sessionToken: session,
        expiresAt: new Date(Date.now() + minutes * 60_000).toISOString(),
        role: "cocoon-node",
      },
    });
    node.fake.change(key("first", 30));
    // The cloud forgets the first session after a few calls.
    const end = node.fake.onChange(() => node.fake.change(key("second", 60)));
    expect((await node.init({ poolSize: 40 })).pool.ips).toHaveLength(40);
    end();
    expect(node.fake.log.calls.some(({ status }) => status === 401)).toBe(true);
  });
  it("that lack are refused with every place that was looked at", async () => {
    const { code, text } = await failure({ environment: {} });
    expect(code).toBe("cloud-denied");
    expect(text).toMatch(
      /config\.json.*credentials.*\.volc\/config.*role.*VOLCENGINE_ACCESS_KEY_ID/,
    );
  });
  it("of which one half is set are refused by name", async () => {
    const { code, text } = await failure({ environment: { VOLCENGINE_ACCESS_KEY: "AK" } });
    expect(code).toBe("invalid-config");
    expect(text).toContain("VOLCENGINE_ACCESS_KEY is set and VOLCENGINE_SECRET_KEY is not");
  });
  it("that are wrong are named by their place, never shown", async () => {
    const wrong = { VOLCENGINE_ACCESS_KEY: ACCESS_KEY, VOLCENGINE_SECRET_KEY: "wrong-secret" };
    const { code, text, node } = await failure({ environment: wrong });
    expect(code).toBe("cloud-denied");
    expect(text).toContain("SignatureDoesNotMatch");
    expect(text).toContain("the environment (VOLCENGINE_ACCESS_KEY)");
    expect(text + node.transcript.lines.join()).not.toMatch(/wrong-secret|AKLT/);
  });
});

describe("a person is told", () => {
  it("which action the policy lacks", async () => {
    const { code, text } = await failure({}, ({ fake }) =>
      fake.change({
        kind: "credential",
        credential: { accessKeyId: ACCESS_KEY, secretKey: SECRET_KEY, deny: ["vpc:CreateSubnet"] },
      }),
    );
    expect(code).toBe("cloud-denied");
    expect(text).toContain("allow vpc:CreateSubnet to this user or role");
  });
  it("that the clock is wrong", async () => {
    const { code, text } = await failure({}, ({ fake }) => fake.setSkew(3_600_000));
    expect(code).toBe("cloud-denied");
    expect(text).toMatch(/InvalidTimestamp.*NTP/);
  });
  it("that the environment's region is not the instance's, which is used", async () => {
    await using node = await openNode({
      environment: {
        VOLCENGINE_ACCESS_KEY: ACCESS_KEY,
        VOLCENGINE_SECRET_KEY: SECRET_KEY,
        VOLCENGINE_REGION: "cn-shanghai",
      },
    });
    const { plan } = await node.init({ poolSize: 1 });
    expect(plan.warnings).toEqual([
      "VOLCENGINE_REGION is cn-shanghai, but this instance is in cn-beijing: cn-beijing is used",
    ]);
  });
  it("that a smaller type gives less, without calling that degraded", async () => {
    await using node = await openNode({ maxEnis: 3, maxIpsPerEni: 10 });
    const { plan, degraded, pool } = await node.init();
    expect(plan.warnings.join()).toContain("18 addresses instead of 140");
    expect(degraded).toEqual([]);
    expect(pool.ips).toHaveLength(18);
  });
  it("that the instance has no room at all", async () => {
    const { code, text } = await failure({ maxEnis: 1 });
    expect(code).toBe("cloud-limit");
    expect(text).toContain("takes 1 interfaces, and 1 of others are attached");
  });
});

describe("metadata", () => {
  it.each([
    ["documented", "enforced"],
    ["documented", "none"],
    ["legacy", "optional"],
    ["legacy", "none"],
    ["both", "enforced"],
  ] as const)(
    "paths %s, tokens %s: this instance is found",
    async (metadataPaths, metadataTokens) => {
      await using node = await openNode({ settings: { ...PROMPT, metadataPaths, metadataTokens } });
      expect(await node.identify()).toMatchObject({
        instance: node.instance,
        region: "cn-beijing",
        zone: "cn-beijing-a",
      });
    },
  );
});

describe("the API", () => {
  it("may report errors with status 200", async () => {
    const settings = { ...PROMPT, errorsAsOk: true };
    const { code, text } = await failure({ settings }, ({ fake }) =>
      fake.change({ kind: "security-group", id: "sg-2feo4p1n9x8g0bq2", ipQuota: 1 }),
    );
    expect(code).toBe("cloud-limit");
    expect(text).toContain("QuotaExceeded.SecurityGroupIp");
  });
  it.each([
    [429, "", "throttled"],
    [400, "AccountFlowLimitExceeded", "throttled"],
    [400, "Throttling.User", "throttled"],
    [502, "", "uncertain"],
    [200, "", "uncertain"],
    [500, "InternalError", "uncertain"],
    [400, "InvalidVpc.InvalidStatus", "busy"],
    [404, "InvalidEniId.NotFound", "gone"],
    [400, "InvalidEni.InstanceMismatch", "elsewhere"],
    [400, "InvalidSubnet.InUse", "in-use"],
    [400, "LimitExceeded.EnisPerInstance", "limit"],
    [400, "InsufficientIpInSubnet", "limit"],
    [403, "LackPolicy", "denied"],
    [400, "InvalidTimestamp", "clock"],
    [401, "InvalidSecretToken", "credentials"],
    [400, "IdempotentParameterMismatch", "token-reused"],
    [400, "InvalidEni.ZoneMismatch", "refused"],
    [400, "InvalidParameter", "refused"],
  ])("status %i with code %j means %s", (status, code, kind) => {
    expect(kindOf(status, code)).toBe(kind);
  });
  it("gets lists numbered from 1, and nothing that is empty", () => {
    expect(
      flatten({
        A: "x",
        B: undefined,
        C: "",
        D: ["p", "q"],
        Tags: [{ Key: "k", Value: "v" }],
        N: 0,
        F: false,
      }),
    ).toEqual({
      A: "x",
      "D.1": "p",
      "D.2": "q",
      "Tags.1.Key": "k",
      "Tags.1.Value": "v",
      N: "0",
      F: "false",
    });
  });
  it.each([
    ["open.volcengineapi.com", "https:", "open.volcengineapi.com"],
    ["http://127.0.0.1:80", "http:", "127.0.0.1"],
    ["http://127.0.0.1:8080", "http:", "127.0.0.1:8080"],
  ])("endpoint %s", (text, protocol, host) => {
    expect(endpointOf(text)).toEqual({ protocol, host });
  });
  it.each(["ftp://x", "https://x/path", "not a host"])("endpoint %s is refused", (text) => {
    expect(() => endpointOf(text)).toThrow("is not an endpoint");
  });
});
