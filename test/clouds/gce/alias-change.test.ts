// Changes of alias ranges, called as the wire has them: each way in which the fake refuses one at once.

import { describe, expect, test } from "vitest";
import { type Caller, NODE_1, NODE_2, SUBNETWORK, startCaller } from "./calls.ts";

const GKE = { ipCidrRange: "10.4.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const POD = (third: number) => ({
  ipCidrRange: `10.5.${third}.0/24`,
  subnetworkRangeName: "gke-demo-pods",
});
const PATCH = `${NODE_1}/updateNetworkInterface?networkInterface=nic0`;

const aliases = async (caller: Caller) => (await caller.nic()).aliasIpRanges;

describe("a change that is refused at once", () => {
  const fresh = async (caller: Caller) => (await caller.nic()).fingerprint;
  const list = (entry: unknown) => async (caller: Caller) => ({
    fingerprint: await fresh(caller),
    aliasIpRanges: [GKE, entry],
  });
  test.each<{
    readonly what: string;
    readonly path?: string;
    readonly body: (caller: Caller) => unknown;
    readonly status: number;
    readonly reason: string;
    readonly message: RegExp;
  }>([
    {
      what: "no fingerprint",
      body: () => ({ aliasIpRanges: [GKE] }),
      status: 400,
      reason: "required",
      message: /Required field 'resource.fingerprint' not specified/,
    },
    {
      what: "a stale fingerprint",
      body: () => ({ fingerprint: "AAAAAAAAAAA=", aliasIpRanges: [GKE] }),
      status: 412,
      reason: "conditionNotMet",
      message: /fingerprint/,
    },
    {
      what: "the instance's fingerprint instead of the interface's",
      body: async (caller) => ({
        fingerprint: (await caller.call(NODE_1)).body["fingerprint"],
        aliasIpRanges: [GKE],
      }),
      status: 412,
      reason: "conditionNotMet",
      message: /fingerprint/,
    },
    {
      what: "removing and adding together",
      body: async (caller) => ({ fingerprint: await fresh(caller), aliasIpRanges: [POD(1)] }),
      status: 400,
      reason: "invalid",
      message: /Added ranges: \[10.5.1.0\/24\]. Removed ranges: \[10.4.1.0\/24\]/,
    },
    {
      what: "a range outside of the named secondary range",
      body: list({ ipCidrRange: "172.20.1.0/24", subnetworkRangeName: "gke-demo-pods" }),
      status: 400,
      reason: "invalid",
      message: /aliasIpRanges\[1\].ipCidrRange': '172.20.1.0\/24'/,
    },
    {
      what: "a range outside of the primary range, when none is named",
      body: list({ ipCidrRange: "10.5.1.0/24" }),
      status: 400,
      reason: "invalid",
      message: /primary range/,
    },
    {
      what: "a secondary range that is not there",
      body: list({ ipCidrRange: "10.5.1.0/24", subnetworkRangeName: "cocoon-pods" }),
      status: 400,
      reason: "invalid",
      message: /subnetworkRangeName': 'cocoon-pods'/,
    },
    {
      what: "bits set behind the prefix",
      body: list({ ipCidrRange: "10.5.1.1/24", subnetworkRangeName: "gke-demo-pods" }),
      status: 400,
      reason: "invalid",
      message: /10.5.1.1\/24/,
    },
    {
      what: "two entries that overlap",
      body: list({ ipCidrRange: "10.4.1.128/25", subnetworkRangeName: "gke-demo-pods" }),
      status: 400,
      reason: "invalid",
      message: /overlap/,
    },
    {
      what: "an external address",
      body: async (caller) => ({ fingerprint: await fresh(caller), accessConfigs: [{}] }),
      status: 400,
      reason: "invalid",
      message: /'resource.accessConfigs': ''. Updating this field is not supported./,
    },
    {
      what: "a field that does not exist",
      body: async (caller) => ({ fingerprint: await fresh(caller), aliasIPRanges: [] }),
      status: 400,
      reason: "badRequest",
      message: /Unknown name "aliasIPRanges"/,
    },
    {
      what: "no interface named",
      path: `${NODE_1}/updateNetworkInterface`,
      body: list(POD(1)),
      status: 400,
      reason: "required",
      message: /networkInterface/,
    },
    {
      what: "an interface that is not there",
      path: `${NODE_1}/updateNetworkInterface?networkInterface=nic7`,
      body: list(POD(1)),
      status: 400,
      reason: "invalid",
      message: /nic7/,
    },
    {
      what: "a request ID of zeros",
      path: `${PATCH}&requestId=00000000-0000-0000-0000-000000000000`,
      body: list(POD(1)),
      status: 400,
      reason: "invalid",
      message: /requestId/,
    },
  ])("$what", async ({ path = PATCH, body, status, reason, message }) => {
    await using caller = await startCaller();
    const refused = await caller.call(path, { body: await body(caller) });
    expect(refused).toMatchObject({ status, reason });
    expect(refused.message).toMatch(message);
    expect(await aliases(caller)).toEqual([GKE]);
    expect(caller.gce.audit().ours).toEqual([]);
  });

  test("one while another is under way, and one on a machine that is being made", async () => {
    await using caller = await startCaller({ options: { callsUntilDone: 9 } });
    await caller.setAliases(NODE_1, [GKE, POD(1)]);
    expect(await caller.setAliases(NODE_1, [GKE, POD(2)])).toMatchObject({
      status: 409,
      reason: "operationInProgress",
    });
    caller.gce.change({ kind: "set-status", instance: "gke-demo-pool-2", status: "STAGING" });
    expect(await caller.setAliases(NODE_2, [])).toMatchObject({
      status: 400,
      reason: "resourceNotReady",
    });
  });

  test("one while another tool's is under way, until that is done", async () => {
    await using caller = await startCaller({ options: { callsUntilDone: 3 } });
    caller.gce.change({ kind: "begin-foreign-operation", instance: "gke-demo-pool-1" });
    caller.gce.change({ kind: "begin-foreign-operation", subnetwork: "nodes" });
    expect((await caller.setAliases(NODE_1, [GKE, POD(1)])).reason).toBe("operationInProgress");
    expect((await caller.setAliases(NODE_1, [GKE, POD(1)])).status).toBe(200);
  });

  test("more aliases than an interface may have", async () => {
    await using caller = await startCaller({ options: { aliasesPerInterface: 2 } });
    const refused = await caller.setAliases(NODE_1, [GKE, POD(1), POD(2)]);
    expect(refused).toMatchObject({ status: 400, reason: "limitExceeded" });
  });

  test("removing and adding together is taken where the scenario says so", async () => {
    await using caller = await startCaller({ options: { mixedAliasChanges: "allowed" } });
    await caller.finish(await caller.setAliases(NODE_1, [POD(1)]));
    expect(await aliases(caller)).toEqual([POD(1)]);
    expect(caller.gce.audit().foreignLost).toEqual([
      "gke-demo-pool-1/nic0 gke-demo-pods 10.4.1.0/24",
    ]);
  });
});

test("the subnetwork's fingerprint is no fingerprint of an interface", async () => {
  await using caller = await startCaller();
  const { fingerprint } = (await caller.call(SUBNETWORK)).body;
  const refused = await caller.call(PATCH, { body: { fingerprint, aliasIpRanges: [GKE] } });
  expect(refused.status).toBe(412);
});
