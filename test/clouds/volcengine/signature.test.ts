// Who may call: each way in which a signature, its scope, its date or its key can be wrong, and the answer to it.

import { describe, expect, it } from "vitest";
import { AT_ONCE, openFake, openScenario } from "./open-fake.ts";
import { type Signing, ask, signed } from "./signed-request.ts";
import { ACCESS_KEY, OTHER_ZONE, SECRET_KEY, VPC, standardScenario } from "./standard-scenario.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("a signed request", () => {
  const refusals: readonly [
    what: string,
    signing: () => Signing,
    status: number,
    code: string,
    codeN: number,
  ][] = [
    ["another secret key", () => ({ secretKey: "wrong" }), 401, "SignatureDoesNotMatch", 100010],
    ["an unknown access key", () => ({ accessKeyId: "AKLTnone" }), 401, "InvalidAccessKey", 100009],
    [
      "a clock 16 minutes ahead",
      () => ({ now: Date.now() + 16 * MINUTE }),
      400,
      "InvalidTimestamp",
      100006,
    ],
    [
      "a clock 16 minutes behind",
      () => ({ now: Date.now() - 16 * MINUTE }),
      400,
      "InvalidTimestamp",
      100006,
    ],
    ["another region", () => ({ region: "cn-north-1" }), 404, "ServiceNotFound", 100007],
    ["another service", () => ({ service: "ecs" }), 404, "InvalidActionOrVersion", 100008],
    ["another version", () => ({ version: "2019-01-01" }), 404, "InvalidActionOrVersion", 100008],
    [
      "a security token with a permanent key",
      () => ({ sessionToken: "none" }),
      401,
      "InvalidSecretToken",
      100026,
    ],
  ];
  it.each(refusals)("is refused with %s", async (_, signing, status, code, codeN) => {
    await using cloud = await openFake();
    const reply = await cloud.ask("DescribeVpcs", {}, signing());
    expect(reply).toMatchObject({ status, code, codeN });
  });

  const headerDamage: readonly [what: string, (text: string) => string | undefined, string][] = [
    ["no Authorization", () => undefined, "InvalidAuthorization"],
    [
      "another algorithm",
      (text) => text.replace("HMAC-SHA256 ", "HMAC-SHA1 "),
      "InvalidAuthorization",
    ],
    ["no signed headers", (text) => text.replace("=x-date,", "=,"), "InvalidAuthorization"],
    ["an unsigned date", (text) => text.replace("=x-date,", "=host,"), "SignatureDoesNotMatch"],
    [
      "the scope of another day",
      (text) => text.replace(/\/\d{8}\//, "/20200101/"),
      "InvalidCredential",
    ],
  ];
  it.each(headerDamage)("is refused with %s", async (_, damage, code) => {
    await using cloud = await openFake();
    const { path, init } = signed("DescribeVpcs");
    const headers = new Headers(init.headers);
    const authorization = damage(headers.get("authorization") ?? "");
    headers.delete("authorization");
    if (authorization !== undefined) headers.set("authorization", authorization);
    const response = await fetch(cloud.url + path, { headers });
    expect(await response.json()).toMatchObject({ ResponseMetadata: { Error: { Code: code } } });
  });

  it("is refused when its query was changed on the way", async () => {
    await using cloud = await openFake();
    const { path, init } = signed("DescribeSubnets", { VpcId: VPC });
    const response = await fetch(`${cloud.url}${path}&ZoneId=${OTHER_ZONE}`, init);
    expect(response.status).toBe(401);
  });

  it("is accepted with characters that have to be escaped, and as a form", async () => {
    await using cloud = await openFake();
    const odd = await cloud.ask("DescribeSubnets", { SubnetName: "a b/c+(x)*'!~é&=" });
    expect(odd.status).toBe(200);
    const form = await cloud.ask("DescribeVpcs", {}, { method: "POST", form: `VpcIds.1=${VPC}` });
    expect(form.result).toMatchObject({ TotalCount: 1 });
  });

  it("is held against the gateway's clock, wherever that one stands", async () => {
    await using cloud = await openFake();
    cloud.fake.change({ kind: "skew", ms: HOUR });
    expect((await cloud.ask("DescribeVpcs")).code).toBe("InvalidTimestamp");
    expect((await cloud.ask("DescribeVpcs", {}, { now: Date.now() + HOUR })).status).toBe(200);
  });
});

describe("a temporary key", () => {
  const until = (ms: number) => new Date(Date.now() + ms).toISOString();
  const temporary = (expiresAt: string) => ({
    ...standardScenario({ settings: AT_ONCE }),
    credentials: [
      { accessKeyId: ACCESS_KEY, secretKey: SECRET_KEY, sessionToken: "STS+tok/en==", expiresAt },
    ],
  });

  it("needs its token, which must be signed", async () => {
    await using cloud = await openScenario(temporary(until(HOUR)));
    expect((await cloud.ask("DescribeVpcs")).code).toBe("InvalidSecretToken");
    const signing = { sessionToken: "STS+tok/en==" };
    expect((await cloud.ask("DescribeVpcs", {}, signing)).status).toBe(200);
    const { path, init } = signed("DescribeVpcs");
    const headers = new Headers(init.headers);
    headers.set("x-security-token", "STS+tok/en==");
    expect((await fetch(cloud.url + path, { headers })).status).toBe(401);
  });

  it("ends", async () => {
    await using cloud = await openScenario(temporary(until(-1000)));
    const reply = await ask(cloud.url, "DescribeVpcs", {}, { sessionToken: "STS+tok/en==" });
    expect(reply).toMatchObject({ status: 401, code: "InvalidSecretToken" });
    expect(reply.message).toContain("expired");
  });
});

describe("a permission that lacks", () => {
  it.each(["AccessDenied", "LackPolicy"] as const)(
    "is answered with %s and its name",
    async (denial) => {
      const scenario = standardScenario({ settings: { ...AT_ONCE, denial } });
      const [key] = scenario.credentials;
      await using cloud = await openScenario({
        ...scenario,
        credentials: [
          { accessKeyId: ACCESS_KEY, secretKey: SECRET_KEY, ...key, deny: ["vpc:DescribeVpcs"] },
        ],
      });
      const reply = await cloud.ask("DescribeVpcs");
      expect(reply).toMatchObject({ status: 403, code: denial });
      expect(reply.message).toContain("vpc:DescribeVpcs");
      expect((await cloud.ask("DescribeSubnets")).status).toBe(200);
    },
  );
});
