// The vendor's own client against the fake: its signatures are accepted, and its traps are answered with errors.

import { Service } from "@volcengine/openapi";
import { describe, expect, it } from "vitest";
import { AT_ONCE, type OpenFake, openFake, openScenario } from "./open-fake.ts";
import {
  ACCESS_KEY,
  GROUP,
  HOST_SUBNET,
  REGION,
  SECRET_KEY,
  standardScenario,
} from "./standard-scenario.ts";

interface Body {
  readonly ResponseMetadata: { readonly Error?: { readonly Code: string } };
  readonly Result?: object;
}

/** One call; the client resolves with the body whatever the status is. */
async function call(
  cloud: OpenFake,
  action: string,
  parameters: object,
  more: object = {},
): Promise<Body> {
  const client = new Service({
    serviceName: "vpc",
    defaultVersion: "2020-04-01",
    region: REGION,
    host: new URL(cloud.url).host,
    protocol: "http:",
    accessKeyId: ACCESS_KEY,
    secretKey: SECRET_KEY,
    ...more,
  });
  return (await client.createAPI(action)(parameters)) as Body;
}

describe("the vendor's client", () => {
  it("signs as the fake checks, odd characters and ten list entries included", async () => {
    await using cloud = await openFake();
    const addresses = Array.from({ length: 12 }, (_, index) => [
      `PrivateIpAddress.${index + 1}`,
      `172.20.3.${index + 10}`,
    ]);
    const body = await call(cloud, "CreateNetworkInterface", {
      SubnetId: HOST_SUBNET,
      "SecurityGroupIds.1": GROUP,
      Description: "a b/c+(x)*'!~é",
      ...Object.fromEntries(addresses),
    });
    expect(body.Result).toHaveProperty("NetworkInterfaceId");
    expect(cloud.fake.log.unexpected).toEqual([]);
  });

  it("signs its session token", async () => {
    const key = { accessKeyId: ACCESS_KEY, secretKey: SECRET_KEY, sessionToken: "STS+tok/en==" };
    await using cloud = await openScenario({
      ...standardScenario({ settings: AT_ONCE }),
      credentials: [key],
    });
    const body = await call(cloud, "DescribeVpcs", {}, { sessionToken: key.sessionToken });
    expect(body.Result).toMatchObject({ TotalCount: 1 });
  });

  it.each([
    ["an array", { SubnetIds: ["subnet-1", "subnet-2"] }],
    ["an undefined value", { VpcId: undefined }],
  ])("sends %s as no action takes it", async (_, parameters) => {
    await using cloud = await openFake();
    const body = await call(cloud, "DescribeSubnets", parameters);
    expect(body.ResponseMetadata.Error?.Code).toBe("InvalidParameter");
    expect(cloud.fake.log.unexpected).toHaveLength(1);
  });

  it("is refused with another key", async () => {
    await using cloud = await openFake();
    const body = await call(cloud, "DescribeVpcs", {}, { secretKey: "wrong" });
    expect(body.ResponseMetadata.Error?.Code).toBe("SignatureDoesNotMatch");
  });
});
