// doctor beside the fake clouds, as a process: troubles are planted in the cloud, and found over real HTTP.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Finding } from "#cli/finding.ts";
import { type PoolFile, formatPoolFile } from "#provision/pool-file.ts";
import { FakeGce } from "#test/clouds/gce/fake-gce.ts";
import { gkeScenario } from "#test/clouds/gce/scenario.ts";
import { ACCESS_KEY, GROUP, SECRET_KEY } from "#test/clouds/volcengine/standard-scenario.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { testNode } from "#test/provision/gke/node.ts";
import { openNode } from "#test/provision/volcengine/node.ts";
import { runCommand } from "./run-command.ts";

type Environment = Readonly<Record<string, string>>;

/** Findings other than `ok`, by check. */
async function doctor(pool: PoolFile | undefined, environment: Environment, ...flags: string[]) {
  if (pool === undefined) throw new Error("there is no pool");
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "pool.json"), formatPoolFile(pool));
  const { out, err } = await runCommand(
    ["doctor", "-o", "json", "--state-dir", folder.path, "--socket", "/nowhere/b.sock", ...flags],
    { HOME: folder.path, ...environment },
  );
  // Progress is told after a second.
  expect(err.replaceAll(/^.*, \d+ s$/gm, "").trim()).toBe("");
  const findings: readonly Finding[] = JSON.parse(out);
  return new Map(findings.filter(({ state }) => state !== "ok").map((one) => [one.check, one]));
}

describe("Volcengine", () => {
  const keys = { VOLCENGINE_ACCESS_KEY_ID: ACCESS_KEY, VOLCENGINE_SECRET_ACCESS_KEY: SECRET_KEY };
  const start = async (stack: AsyncDisposableStack) => {
    const node = stack.use(await openNode());
    const api = stack.use(await node.fake.listen());
    const metadata = stack.use(await node.fake.listenMetadata(node.instance));
    await node.init({ poolSize: 20 });
    const places = {
      VOLCENGINE_ENDPOINT: api.url,
      COCOON_NET_VOLCENGINE_METADATA: metadata.url,
    };
    return { node, places, pool: node.pool() };
  };

  test("a security group that keeps the VPC out, and a detached interface of ours", async () => {
    await using stack = new AsyncDisposableStack();
    const { node, places, pool } = await start(stack);
    node.fake.change({ kind: "security-group", id: GROUP, permissions: [] });
    const eni = {
      id: "eni-left",
      mac: "00:16:3e:b0:00:01",
      subnetId: pool?.subnetID,
      securityGroupIds: [GROUP],
      primaryIp: "172.20.100.200",
      secondaryIps: ["172.20.100.201"],
      tags: [
        { Key: "cocoon:managed-by", Value: "cocoon-net" },
        { Key: "cocoon:node", Value: node.nodeName },
      ],
    };
    node.fake.change({ kind: "add-eni", eni });
    const findings = await doctor(pool, { ...places, ...keys });
    expect(findings.get("cloud"), "it was read").toBeUndefined();
    expect(findings.get("security group")).toMatchObject({
      state: "problem",
      symptom: expect.stringContaining("not from other hosts"),
      remedy: expect.stringContaining("--authorize-vpc-ingress"),
    });
    expect(findings.get("detached interfaces")).toMatchObject({
      state: "warning",
      detail: expect.stringContaining("1 (eni-left) with 2 addresses"),
      symptom: expect.stringContaining("InsufficientIpInSubnet"),
      remedy: expect.stringContaining("cocoon-net teardown"),
    });
    expect((await doctor(pool, { ...places, ...keys }, "--no-cloud")).has("security group")).toBe(
      false,
    );
  });

  test("without credentials the rule to look for is told", async () => {
    await using stack = new AsyncDisposableStack();
    const { places, pool } = await start(stack);
    const findings = await doctor(pool, places);
    expect(findings.get("cloud")?.state).toBe("warning");
    expect(findings.get("security group")).toMatchObject({
      state: "warning",
      remedy: expect.stringContaining("protocol all, ports -1/-1, source 172.20.0.0/16"),
    });
  });

  test("a cloud that never answers does not keep the rest from being told", async () => {
    await using stack = new AsyncDisposableStack();
    const { node, places, pool } = await start(stack);
    node.fake.faults.plan({ call: "any", nth: 1, times: 1_000, kind: "hang" });
    const findings = await doctor(pool, { ...places, ...keys });
    expect(findings.get("cloud")?.state).toBe("warning");
    expect(findings.has("broker")).toBe(true);
  });
});

test("GKE: a secondary range that another node made too small", async () => {
  await using stack = new AsyncDisposableStack();
  const node = await testNode(stack);
  await node.init();
  const server = stack.use(await node.fake.startAll());
  const pool = node.pool && { ...node.pool, subnet: "172.20.101.0/24" };
  const findings = await doctor(pool, {
    CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: server.url,
    GCE_METADATA_HOST: server.url.replace("http://", ""),
  });
  expect(findings.get("secondary range")).toMatchObject({
    state: "problem",
    symptom: expect.stringContaining("does not cover it"),
    remedy: expect.stringContaining("choose a --subnet inside it"),
  });
  expect(findings.get("cloud subnet")).toMatchObject({
    state: "problem",
    symptom: expect.stringContaining("wrong subnet"),
    remedy: expect.stringContaining("right --subnet"),
  });
});

describe("before init", () => {
  const beforeInit = async (environment: Environment, platform: string) => {
    const flags = ["--platform", platform, "--subnet", "172.20.101.0/24"];
    const args = ["doctor", "-o", "json", "--state-dir", "/nowhere", "--socket", "/nowhere/b.sock"];
    const { out } = await runCommand([...args, ...flags], environment);
    const findings: readonly Finding[] = JSON.parse(out);
    return findings.filter(({ check }) => check === "init");
  };

  test("GKE: the range that would stop it", async () => {
    await using stack = new AsyncDisposableStack();
    const scenario = gkeScenario();
    const [subnetwork] = scenario.subnetworks;
    const [instance] = scenario.instances;
    const [nic] = instance?.networkInterfaces ?? [];
    if (subnetwork === undefined || instance === undefined || nic === undefined)
      throw new Error("the scenario has no node");
    const tooSmall = { rangeName: "cocoon-pods", ipCidrRange: "172.20.100.0/24" };
    const secondaryIpRanges = [...(subnetwork.secondaryIpRanges ?? []), tooSmall];
    // A MAC that a link of every machine has: nic0 must be one of this machine's.
    const networkInterfaces = [{ ...nic, mac: "00:00:00:00:00:00" }];
    const fake = stack.use(
      new FakeGce({
        ...scenario,
        subnetworks: [{ ...subnetwork, secondaryIpRanges }],
        instances: [{ ...instance, networkInterfaces }],
      }),
    );
    const server = await fake.startAll();
    const places = {
      CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: server.url,
      GCE_METADATA_HOST: server.url.replace("http://", ""),
    };
    expect(await beforeInit(places, "gke")).toMatchObject([
      {
        state: "problem",
        detail: expect.stringContaining("does not cover 172.20.101.0/24"),
        symptom: expect.stringContaining("does not cover it"),
        remedy: expect.stringContaining("choose a --subnet inside it"),
      },
    ]);
    expect(fake.log.mutating).toEqual([]);
  });

  test("a cloud that is not there", async () => {
    const nowhere = { GCE_METADATA_HOST: "127.0.0.1:9" };
    expect(await beforeInit(nowhere, "gke")).toMatchObject([
      { state: "warning", remedy: expect.stringContaining("--platform") },
    ]);
  });
});
