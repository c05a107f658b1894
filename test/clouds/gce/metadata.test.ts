// The metadata server: headers both ways, directories, JSON, long polls, tokens, and its lag behind the API.

import { expect, test, vi } from "vitest";
import { NODE_1, startCaller } from "./calls.ts";
import { FakeGce } from "./fake-gce.ts";
import { gkeScenario } from "./scenario.ts";

const GKE = { ipCidrRange: "10.4.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const OURS = { ipCidrRange: "10.5.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const ALIASES = "/instance/network-interfaces/0/ip-aliases/";

test.each([
  { what: "without the header", headers: {} },
  { what: "with another flavour", headers: { "Metadata-Flavor": "Amazon" } },
  {
    what: "through a proxy",
    headers: { "Metadata-Flavor": "Google", "X-Forwarded-For": "10.0.0.1" },
  },
])("$what it answers 403, and says what it is", async ({ headers }) => {
  await using caller = await startCaller();
  const refused = await caller.metadata("/instance/id", headers);
  expect(refused.status).toBe(403);
  expect(refused.headers.get("metadata-flavor")).toBe("Google");
});

test.each([
  ["/instance/name", "gke-demo-pool-1"],
  ["/instance/id", "72340172838076100"],
  ["/instance/zone", "projects/271828182845/zones/us-central1-a"],
  ["/project/project-id", "demo-project"],
  ["/project/numeric-project-id", "271828182845"],
  ["/instance/network-interfaces/0/mac", "42:01:0a:80:00:02"],
  ["/instance/network-interfaces/0/mtu", "1460"],
  ["/instance/network-interfaces/0/network", "projects/271828182845/networks/demo"],
  [ALIASES, "0\n"],
  [`${ALIASES}0`, "10.4.1.0/24"],
  ["/instance/service-accounts/default/aliases", "default\n"],
  [
    "/instance/service-accounts/default/email",
    "271828182845-compute@developer.gserviceaccount.com",
  ],
  ["/instance/service-accounts/default/scopes", "https://www.googleapis.com/auth/cloud-platform\n"],
  [`${ALIASES}?recursive=true`, '["10.4.1.0/24"]'],
  [`${ALIASES}?recursive=true&alt=text`, "0 10.4.1.0/24\n"],
  ["/universe/universe-domain", "googleapis.com"],
])("%s is %j", async (path, text) => {
  await using caller = await startCaller();
  const answer = await caller.metadata(path);
  expect(answer).toMatchObject({ status: 200, text });
  expect(answer.headers.get("metadata-flavor")).toBe("Google");
});

test("a directory is shown behind a slash, without one it leads there", async () => {
  await using caller = await startCaller();
  const moved = await caller.metadata("/instance");
  expect(moved.status).toBe(301);
  expect(moved.headers.get("location")).toBe("/computeMetadata/v1/instance/");
  expect((await caller.metadata("/instance/")).text).toContain("network-interfaces/\n");
});

test("everything as JSON has camel case, lists, and an ID that a double cannot hold", async () => {
  await using caller = await startCaller();
  const { text, headers } = await caller.metadata("/instance/?recursive=true");
  expect(headers.get("content-type")).toBe("application/json");
  expect(text).toContain('"id":72340172838076100,');
  expect(text).not.toContain('"token"');
  expect(JSON.parse(text)).toMatchObject({
    networkInterfaces: [
      { mac: "42:01:0a:80:00:02", ipAliases: ["10.4.1.0/24"], forwardedIps: [], mtu: 1460 },
    ],
    serviceAccounts: { default: { aliases: ["default"] } },
  });
});

test("the subnetwork is not there unless the scenario says so; neither is anything unknown", async () => {
  await using caller = await startCaller();
  const path = "/instance/network-interfaces/0/subnetwork";
  expect((await caller.metadata(path)).status).toBe(404);
  expect(caller.gce.log.unexpected).toEqual([]);
  caller.gce.change({ kind: "set-options", options: { metadataSubnetwork: true } });
  expect((await caller.metadata(path)).text).toMatch(/\/regions\/us-central1\/subnetworks\/nodes$/);
  expect((await caller.metadata("/instance/colour")).status).toBe(404);
  const posted = await fetch(`${caller.url}/computeMetadata/v1/instance/id`, { method: "POST" });
  expect(posted.status).toBe(405);
  expect(caller.gce.log.unexpected).toHaveLength(2);
});

test("aliases show after so many reads", async () => {
  await using caller = await startCaller({ options: { metadataLag: 2 } });
  const seen = async () => (await caller.metadata(`${ALIASES}?recursive=true`)).text;
  await caller.finish(await caller.setAliases(NODE_1, [GKE, OURS]));
  const three = [await seen(), await seen(), await seen()];
  expect(three).toEqual(['["10.4.1.0/24"]', '["10.4.1.0/24"]', '["10.4.1.0/24","10.5.1.0/24"]']);
});

test("a long poll comes back with the change, with another state than it knew, or when its time is over", async () => {
  await using caller = await startCaller();
  const query = `${ALIASES}?recursive=true&wait_for_change=true`;
  const etag = (await caller.metadata(`${ALIASES}?recursive=true`)).headers.get("etag") ?? "";
  const waiting = caller.metadata(`${query}&last_etag=${etag}`);
  await vi.waitFor(() => expect(caller.gce.log.calls.at(-1)?.outcome).toBe("running"));
  await caller.finish(await caller.setAliases(NODE_1, [GKE, OURS]));
  const changed = await waiting;
  expect(changed.text).toBe('["10.4.1.0/24","10.5.1.0/24"]');
  expect(changed.headers.get("etag")).not.toBe(etag);
  const outdated = await caller.metadata(`${query}&last_etag=${etag}`);
  expect(outdated.text).toBe(changed.text);
  const inVain = await caller.metadata(`${query}&timeout_sec=0`);
  expect(inVain.text).toBe(changed.text);
});

test("each instance sees its own, and another ID once it was made anew", async () => {
  await using gce = new FakeGce(gkeScenario());
  const { url } = await gce.startMetadata("gke-demo-pool-2");
  const id = async () => {
    const headers = { "Metadata-Flavor": "Google" };
    return (await fetch(`${url}/computeMetadata/v1/instance/id`, { headers })).text();
  };
  expect(await id()).toBe("72340172838076200");
  gce.change({ kind: "recreate-instance", instance: "gke-demo-pool-2" });
  expect(await id()).toMatch(/^(?!72340172838076200)\d+$/);
});

test("a machine without a service account has no token", async () => {
  const instances = gkeScenario().instances.map((each) => ({ ...each, scopes: [] }));
  await using caller = await startCaller({ instances });
  const refused = await caller.metadata("/instance/service-accounts/default/token");
  expect(refused.status).toBe(404);
});
