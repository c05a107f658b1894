// Who may call the fake, how often, and with which words: each refusal in the wording of the API.

import { describe, expect, test } from "vitest";
import { NODE_1, PROJECT, SUBNETWORK, ZONE, startCaller } from "./calls.ts";
import { ALL_PERMISSIONS, SCOPE_COMPUTE_READONLY, gkeScenario } from "./scenario.ts";

const detail = (body: Readonly<Record<string, unknown>>) =>
  (body["error"] as { details: readonly { reason: string }[] }).details[0]?.reason;

describe("tokens", () => {
  test.each([
    { what: "none", authorization: "", reason: "authError" },
    { what: "one that nobody gave out", authorization: "Bearer ya29.made-up", reason: "authError" },
    { what: "another scheme", authorization: "Basic Zm9vOmJhcg==", reason: "authError" },
  ])("$what", async ({ authorization, reason }) => {
    await using caller = await startCaller();
    const refused = await caller.call(NODE_1, { headers: { authorization } });
    expect(refused).toMatchObject({ status: 401, reason });
    expect(refused.body["error"]).toMatchObject({ status: "UNAUTHENTICATED" });
  });

  test("no header at all", async () => {
    await using caller = await startCaller();
    const refused = await fetch(`${caller.url}/compute/v1/${NODE_1}`);
    expect(refused.status).toBe(401);
    expect(await refused.text()).toContain("CREDENTIALS_MISSING");
  });

  test("one that is too old, and one that was revoked", async () => {
    await using caller = await startCaller({ now: 0, options: { tokenSeconds: 60 } });
    expect((await caller.call(NODE_1)).status).toBe(200);
    caller.gce.change({ kind: "move-clock", seconds: 61 });
    expect((await caller.call(NODE_1)).status).toBe(401);
    await using other = await startCaller();
    other.gce.change({ kind: "revoke-tokens" });
    expect((await other.call(NODE_1)).status).toBe(401);
  });

  test("one whose scopes allow reading only, or nothing of compute", async () => {
    const withScopes = (scopes: readonly string[]) => ({
      instances: gkeScenario().instances.map((instance) => ({ ...instance, scopes })),
    });
    await using reader = await startCaller(withScopes([SCOPE_COMPUTE_READONLY]));
    const { fingerprint } = await reader.nic();
    const path = `${NODE_1}/updateNetworkInterface?networkInterface=nic0`;
    const refused = await reader.call(path, { body: { fingerprint } });
    expect(refused).toMatchObject({ status: 403, reason: "insufficientPermissions" });
    expect(refused.message).toBe("Request had insufficient authentication scopes.");
    expect(detail(refused.body)).toBe("ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    const storage = "https://www.googleapis.com/auth/devstorage.read_only";
    await using other = await startCaller(withScopes([storage]));
    expect((await other.call(NODE_1)).status).toBe(403);
  });
});

describe("permissions", () => {
  test.each([
    { permission: "compute.instances.get", method: "GET", path: NODE_1 },
    {
      permission: "compute.instances.updateNetworkInterface",
      method: "PATCH",
      path: `${NODE_1}/updateNetworkInterface?networkInterface=nic0`,
    },
    {
      permission: "compute.subnetworks.use",
      method: "PATCH",
      path: `${NODE_1}/updateNetworkInterface?networkInterface=nic0`,
    },
    { permission: "compute.subnetworks.get", method: "GET", path: SUBNETWORK },
    { permission: "compute.subnetworks.update", method: "PATCH", path: SUBNETWORK },
    { permission: "compute.zoneOperations.get", method: "GET", path: `${ZONE}/operations/x` },
    { permission: "compute.zoneOperations.list", method: "GET", path: `${ZONE}/operations` },
    {
      permission: "compute.regionOperations.get",
      method: "POST",
      path: `${PROJECT}/regions/us-central1/operations/x/wait`,
    },
    {
      permission: "compute.instances.list",
      method: "GET",
      path: `${PROJECT}/aggregated/instances`,
    },
  ])("$permission", async ({ permission, method, path }) => {
    await using caller = await startCaller();
    caller.gce.change({ kind: "deny", project: "demo-project", permission });
    const refused = await caller.call(path, { method, ...(method === "GET" ? {} : { raw: "{}" }) });
    expect(refused).toMatchObject({ status: 403, reason: "forbidden" });
    expect(refused.message).toContain(`Required '${permission}' permission for 'projects/demo-`);
  });

  test("are told on request, one by one", async () => {
    await using caller = await startCaller();
    const permission = "compute.subnetworks.use";
    caller.gce.change({ kind: "deny", project: "demo-project", permission });
    const ask = (path: string, permissions: readonly string[]) =>
      caller.call(`${path}/testIamPermissions`, { method: "POST", body: { permissions } });
    const asked = ["compute.subnetworks.get", permission];
    expect((await ask(SUBNETWORK, asked)).body).toEqual({
      permissions: ["compute.subnetworks.get"],
    });
    expect((await ask(SUBNETWORK, [permission])).body).toEqual({});
    expect((await ask(NODE_1, [ALL_PERMISSIONS[0]])).body).toEqual({
      permissions: [ALL_PERMISSIONS[0]],
    });
    expect(await ask(NODE_1, ["compute.*"])).toMatchObject({ status: 400, reason: "invalid" });
    expect(await ask(`${ZONE}/instances/nope`, asked)).toMatchObject({ status: 404 });
  });
});

describe("calls that make no sense", () => {
  test.each([
    { path: `${ZONE}/instances/nope`, status: 404, reason: "notFound" },
    { path: `${PROJECT}/zones/mars-1/instances/x`, status: 400, reason: "invalid" },
    { path: `${PROJECT}/regions/mars/subnetworks/x`, status: 400, reason: "invalid" },
    { path: "projects/nope/zones/us-central1-a/instances/x", status: 404, reason: "notFound" },
    { path: `${ZONE}/operations/operation-0`, status: 404, reason: "notFound" },
    { path: `${ZONE}/operations?filter=status`, status: 400, reason: "invalid" },
    { path: `${ZONE}/operations?maxResults=501`, status: 400, reason: "invalid" },
  ])("$path", async ({ path, status, reason }) => {
    await using caller = await startCaller();
    expect(await caller.call(path)).toMatchObject({ status, reason });
    expect(caller.gce.log.unexpected).toEqual([]);
  });

  test.each([
    { method: "GET", path: "nowhere", status: 404 },
    { method: "DELETE", path: NODE_1, status: 404 },
    { method: "GET", path: `${NODE_1}?colour=blue`, status: 400 },
    { method: "PATCH", path: SUBNETWORK, raw: "{", status: 400 },
    { method: "PATCH", path: SUBNETWORK, raw: "[]", status: 400 },
    { method: "PATCH", path: SUBNETWORK, raw: '{"colour":1}', status: 400 },
  ])("$method $path is written down as unexpected", async ({ method, path, raw, status }) => {
    await using caller = await startCaller();
    const refused = await caller.call(path, { method, ...(raw === undefined ? {} : { raw }) });
    expect(refused.status).toBe(status);
    expect(caller.gce.log.unexpected).toHaveLength(1);
  });
});

describe("the rate quota", () => {
  test("refuses with 403 rateLimitExceeded until the next minute begins", async () => {
    await using caller = await startCaller({ now: 30_000, options: { requestsPerMinute: 2 } });
    expect((await caller.call(NODE_1)).status).toBe(200);
    expect((await caller.call(NODE_1)).status).toBe(200);
    const refused = await caller.call(NODE_1);
    expect(refused).toMatchObject({ status: 403, reason: "rateLimitExceeded" });
    expect(refused.message).toMatch(/^Quota exceeded for quota metric '.*per minute' of service/);
    caller.gce.change({ kind: "move-clock", seconds: 29 });
    expect((await caller.call(NODE_1)).status).toBe(403);
    caller.gce.change({ kind: "move-clock", seconds: 1 });
    expect((await caller.call(NODE_1)).status).toBe(200);
  });

  test("or with 429 and Retry-After", async () => {
    const options = { requestsPerMinute: 0, throttle: "429", retryAfterSeconds: 7 } as const;
    await using caller = await startCaller({ now: 0, options });
    const refused = await caller.call(NODE_1);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("7");
  });
});

test("operations are found by the request ID that began them, instances in pages", async () => {
  await using caller = await startCaller();
  const id = "7f6c2a4e-9a65-4a8c-8a6e-0d3d1c7a5b11";
  await caller.setAliases(NODE_1, [], `&requestId=${id}`);
  const filter = encodeURIComponent(`(clientOperationId = "${id}") AND status eq RUNNING`);
  const found = (await caller.call(`${ZONE}/operations?filter=${filter}`)).body["items"];
  expect(found).toMatchObject([{ clientOperationId: id, status: "RUNNING" }]);
  const none = await caller.call(`${ZONE}/operations?filter=clientOperationId%3Dother`);
  expect(none.body["items"]).toBeUndefined();
  const first = await caller.call(`${PROJECT}/aggregated/instances?maxResults=1`);
  const token = String(first.body["nextPageToken"]);
  const second = await caller.call(
    `${PROJECT}/aggregated/instances?maxResults=1&pageToken=${token}`,
  );
  const names = [first, second].map(({ body }) => {
    const items = body["items"] as Record<string, { instances?: readonly { name: string }[] }>;
    return items["zones/us-central1-a"]?.instances?.map(({ name }) => name);
  });
  expect(names).toEqual([["gke-demo-pool-1"], ["gke-demo-pool-2"]]);
  expect(second.body["nextPageToken"]).toBeUndefined();
});
