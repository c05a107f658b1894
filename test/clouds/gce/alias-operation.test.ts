// Alias changes that are accepted with HTTP 200: how their operations go on, and how those fail.

import { describe, expect, test } from "vitest";
import { type Caller, NODE_1, NODE_2, type Reply, startCaller } from "./calls.ts";

const GKE = { ipCidrRange: "10.4.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const POD = (third: number) => ({
  ipCidrRange: `10.5.${third}.0/24`,
  subnetworkRangeName: "gke-demo-pods",
});
const PATCH = `${NODE_1}/updateNetworkInterface?networkInterface=nic0`;

const aliases = async (caller: Caller) => (await caller.nic()).aliasIpRanges;
const errorsOf = ({ body }: Reply) =>
  (body["error"] as { errors: readonly { code: string; message: string }[] } | undefined)?.errors;

describe("a change that is in order", () => {
  test("is accepted at once, made later, and changes the fingerprint", async () => {
    await using caller = await startCaller();
    const before = await caller.nic();
    const accepted = await caller.setAliases(NODE_1, [GKE, POD(1)]);
    expect(accepted).toMatchObject({ status: 200, body: { status: "PENDING", progress: 0 } });
    const { body } = accepted;
    expect(body["name"]).toMatch(/^operation-/);
    expect(body["id"]).not.toBe(body["name"]);
    expect(caller.gce.state.operations.pending).toHaveLength(1);
    expect((await caller.nic()).fingerprint).toBe(before.fingerprint);
    const done = await caller.finish(accepted);
    expect(done.body["error"]).toBeUndefined();
    const after = await caller.nic();
    expect(after.aliasIpRanges).toEqual([GKE, POD(1)]);
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  test("goes from PENDING through RUNNING to DONE, and wait may come back before that", async () => {
    await using caller = await startCaller({
      options: { callsUntilRunning: 2, callsUntilDone: 4 },
    });
    const accepted = await caller.setAliases(NODE_1, [GKE, POD(1)]);
    const path = String(accepted.body["selfLink"]).replace(/^.*\/compute\/v1\//, "");
    const statuses: unknown[] = [];
    for (const raw of ['""', "{}", ""]) {
      const waited = await caller.call(`${path}/wait?`, { method: "POST", raw });
      statuses.push(waited.body["status"]);
    }
    const polled = await caller.call(`${path}?`);
    expect([...statuses, polled.body["status"]]).toEqual(["PENDING", "RUNNING", "RUNNING", "DONE"]);
  });

  test("an absent list changes nothing, an empty one clears, and then the key is absent", async () => {
    await using caller = await startCaller();
    const { fingerprint } = await caller.nic();
    await caller.finish(await caller.call(PATCH, { body: { fingerprint } }));
    expect(await aliases(caller)).toEqual([GKE]);
    await caller.finish(await caller.setAliases(NODE_1, []));
    expect(Object.keys(await caller.nic())).not.toContain("aliasIpRanges");
  });

  test("a single address becomes a /32, and /n lets the cloud choose", async () => {
    await using caller = await startCaller();
    const named = { subnetworkRangeName: "gke-demo-pods" };
    const wanted = [GKE, { ipCidrRange: "10.5.0.7", ...named }, { ipCidrRange: "/24", ...named }];
    await caller.finish(await caller.setAliases(NODE_1, wanted));
    expect(await aliases(caller)).toEqual([
      GKE,
      { ipCidrRange: "10.5.0.7/32", ...named },
      { ipCidrRange: "10.4.0.0/24", ...named },
    ]);
  });

  test("a request ID that was used answers with its operation and changes nothing more", async () => {
    await using caller = await startCaller();
    const id = "&requestId=7f6c2a4e-9a65-4a8c-8a6e-0d3d1c7a5b11";
    const first = await caller.setAliases(NODE_1, [GKE, POD(1)], id);
    await caller.finish(first);
    const again = await caller.setAliases(NODE_1, [GKE, POD(1), POD(2)], id);
    expect(again.body["name"]).toBe(first.body["name"]);
    expect(again.body["clientOperationId"]).toBe("7f6c2a4e-9a65-4a8c-8a6e-0d3d1c7a5b11");
    expect(await aliases(caller)).toEqual([GKE, POD(1)]);
  });
});

describe("a change that is accepted and fails in its operation", () => {
  test("a range that another instance has", async () => {
    await using caller = await startCaller();
    const taken = { ipCidrRange: "10.4.2.0/24", subnetworkRangeName: "gke-demo-pods" };
    const accepted = await caller.setAliases(NODE_1, [GKE, taken]);
    expect(accepted.status).toBe(200);
    const done = await caller.finish(accepted);
    expect(done.body["httpErrorStatusCode"]).toBe(400);
    expect(errorsOf(done)).toEqual([
      {
        code: "IP_IN_USE_BY_ANOTHER_RESOURCE",
        message: "IP '10.4.2.0/24' is already being used by another resource.",
      },
    ]);
    expect(await aliases(caller)).toEqual([GKE]);
  });

  test("a range that another instance gave back less than a minute ago", async () => {
    await using caller = await startCaller({ now: 1_000, options: { transferSeconds: 60 } });
    await caller.finish(await caller.setAliases(NODE_2, []));
    const moved = { ipCidrRange: "10.4.2.0/24", subnetworkRangeName: "gke-demo-pods" };
    const early = await caller.finish(await caller.setAliases(NODE_1, [GKE, moved]));
    expect(errorsOf(early)?.[0]?.code).toBe("IP_IN_USE_BY_ANOTHER_RESOURCE");
    caller.gce.change({ kind: "move-clock", seconds: 61 });
    const late = await caller.finish(await caller.setAliases(NODE_1, [GKE, moved]));
    expect(errorsOf(late)).toBeUndefined();
  });

  test("the quota of the network", async () => {
    await using caller = await startCaller({ options: { aliasesPerNetwork: 2 } });
    const done = await caller.finish(await caller.setAliases(NODE_1, [GKE, POD(1)]));
    expect(errorsOf(done)?.[0]).toMatchObject({
      code: "QUOTA_EXCEEDED",
      message: expect.stringContaining("ALIASES_PER_NETWORK_GLOBAL") as string,
    });
  });

  test("a stale fingerprint, where the scenario says so", async () => {
    await using caller = await startCaller({ options: { staleFingerprint: "operation" } });
    const accepted = await caller.call(PATCH, {
      body: { fingerprint: "AAAAAAAAAAA=", aliasIpRanges: [GKE, POD(1)] },
    });
    expect(accepted.status).toBe(200);
    const done = await caller.finish(accepted);
    expect(done.body["httpErrorStatusCode"]).toBe(412);
    expect(errorsOf(done)?.[0]?.message).toMatch(/Supplied fingerprint does not match/);
    expect(await aliases(caller)).toEqual([GKE]);
  });

  test("a machine that was made anew in between, and a failure of the cloud's own", async () => {
    await using caller = await startCaller();
    const accepted = await caller.setAliases(NODE_1, [GKE, POD(1)]);
    caller.gce.change({ kind: "recreate-instance", instance: "gke-demo-pool-1" });
    expect(errorsOf(await caller.finish(accepted))?.[0]?.code).toBe("RESOURCE_NOT_FOUND");
    const code = "INTERNAL_ERROR";
    caller.gce.change({ kind: "fail-next-operation", code, message: "Internal error." });
    const failed = await caller.finish(await caller.setAliases(NODE_1, [GKE, POD(1)]));
    expect(errorsOf(failed)).toEqual([{ code, message: "Internal error." }]);
    expect(await aliases(caller)).toEqual([GKE]);
  });
});
