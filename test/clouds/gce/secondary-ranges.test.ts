// Changes of a subnetwork's secondary ranges: the list is replaced as a whole, under the rules of a VPC network.

import { expect, test } from "vitest";
import { type Caller, NODE_1, SUBNETWORK, startCaller } from "./calls.ts";
import type { SecondaryIpRange } from "./scenario.ts";

const PODS = { rangeName: "gke-demo-pods", ipCidrRange: "10.4.0.0/14" };
const SERVICES = { rangeName: "gke-demo-services", ipCidrRange: "10.8.0.0/20" };
const OURS = { rangeName: "cocoon-pods", ipCidrRange: "172.20.0.0/16" };

const ranges = async (caller: Caller) => (await caller.call(SUBNETWORK)).body["secondaryIpRanges"];

async function patch(caller: Caller, secondaryIpRanges: readonly unknown[]) {
  const { fingerprint } = (await caller.call(SUBNETWORK)).body;
  return caller.call(SUBNETWORK, { body: { fingerprint, secondaryIpRanges } });
}

test("a range is added by a region operation, and an alias can be taken from it", async () => {
  await using caller = await startCaller();
  const { fingerprint } = (await caller.call(SUBNETWORK)).body;
  const accepted = await patch(caller, [PODS, SERVICES, OURS]);
  expect(accepted.body["region"]).toMatch(/\/regions\/us-central1$/);
  expect(await ranges(caller)).toEqual([PODS, SERVICES]);
  await caller.finish(accepted);
  expect(await ranges(caller)).toEqual([PODS, SERVICES, OURS]);
  expect((await caller.call(SUBNETWORK)).body["fingerprint"]).not.toBe(fingerprint);
  const alias = { ipCidrRange: "172.20.1.0/24", subnetworkRangeName: "cocoon-pods" };
  const gke = { ipCidrRange: "10.4.1.0/24", subnetworkRangeName: "gke-demo-pods" };
  const done = await caller.finish(await caller.setAliases(NODE_1, [gke, alias]));
  expect(done.body["error"]).toBeUndefined();
  const refused = await patch(caller, [PODS, SERVICES]);
  expect(refused).toMatchObject({ status: 400, reason: "resourceInUseByAnotherResource" });
});

test("the same request ID adds it once, the list stays when it is absent", async () => {
  await using caller = await startCaller();
  const { fingerprint } = (await caller.call(SUBNETWORK)).body;
  const path = `${SUBNETWORK}?requestId=1b671a64-40d5-491e-99b0-da01ff1f3341`;
  const body = { fingerprint, secondaryIpRanges: [PODS, SERVICES, OURS] };
  const [first, again] = [await caller.call(path, { body }), await caller.call(path, { body })];
  expect(again.body["id"]).toBe(first.body["id"]);
  await caller.finish(first);
  const now = (await caller.call(SUBNETWORK)).body["fingerprint"];
  await caller.finish(await caller.call(SUBNETWORK, { body: { fingerprint: now } }));
  expect(await ranges(caller)).toEqual([PODS, SERVICES, OURS]);
});

test.each<{ what: string; list: readonly unknown[]; reason: string; message: RegExp }>([
  {
    what: "adding and removing together",
    list: [PODS, OURS],
    reason: "invalid",
    message: /Cannot add and remove secondary IP ranges in the same request/,
  },
  {
    what: "losing a range that is in use",
    list: [SERVICES],
    reason: "resourceInUseByAnotherResource",
    message: /is already being used by/,
  },
  {
    what: "growing a range",
    list: [PODS, { ...SERVICES, ipCidrRange: "10.8.0.0/19" }],
    reason: "invalid",
    message: /Existing secondary range cannot be modified/,
  },
  {
    what: "renaming a range",
    list: [PODS, { ...SERVICES, rangeName: "services" }],
    reason: "invalid",
    message: /conflicts with existing subnetwork 'nodes' in region 'us-central1'/,
  },
  {
    what: "the addresses of the primary range",
    list: [PODS, SERVICES, { ...OURS, ipCidrRange: "10.128.15.0/24" }],
    reason: "invalid",
    message: /conflicts with existing subnetwork/,
  },
  {
    what: "the addresses of another subnetwork",
    list: [PODS, SERVICES, { ...OURS, ipCidrRange: "172.31.0.0/16" }],
    reason: "invalid",
    message: /conflicts with existing subnetwork 'far'/,
  },
  {
    what: "the addresses of a peer",
    list: [PODS, SERVICES, { ...OURS, ipCidrRange: "192.168.0.0/16" }],
    reason: "invalid",
    message: /peered network/,
  },
  {
    what: "two new ranges that overlap",
    list: [PODS, SERVICES, OURS, { rangeName: "more", ipCidrRange: "172.20.1.0/24" }],
    reason: "invalid",
    message: /conflicts with/,
  },
  {
    what: "a name twice",
    list: [PODS, SERVICES, OURS, { ...OURS, ipCidrRange: "172.21.0.0/16" }],
    reason: "invalid",
    message: /unique/,
  },
  {
    what: "no name",
    list: [PODS, SERVICES, { ipCidrRange: "172.20.0.0/16" }],
    reason: "required",
    message: /'resource.secondaryIpRanges\[2\].rangeName' not specified/,
  },
  {
    what: "a name with capitals",
    list: [PODS, SERVICES, { ...OURS, rangeName: "Cocoon" }],
    reason: "invalid",
    message: /regex/,
  },
  {
    what: "bits behind the prefix",
    list: [PODS, SERVICES, { ...OURS, ipCidrRange: "172.20.0.1/16" }],
    reason: "invalid",
    message: /CIDR/,
  },
  {
    what: "a range that is too small",
    list: [PODS, SERVICES, { ...OURS, ipCidrRange: "172.20.0.0/30" }],
    reason: "invalid",
    message: /prefix length/,
  },
  {
    what: "more ranges than a subnetwork may have",
    list: [PODS, SERVICES, OURS, { rangeName: "more", ipCidrRange: "172.21.0.0/16" }],
    reason: "limitExceeded",
    message: /MAX_SECONDARY_RANGES/,
  },
])("$what is refused", async ({ list, reason, message }) => {
  const secondaryIpRanges: readonly SecondaryIpRange[] = [PODS, SERVICES];
  const region = "us-central1";
  await using caller = await startCaller({
    subnetworks: [
      { name: "nodes", region, ipCidrRange: "10.128.0.0/20", secondaryIpRanges },
      { name: "far", region: "europe-west4", ipCidrRange: "172.31.0.0/20" },
    ],
    peeredRanges: ["192.168.7.0/24"],
    options: { secondaryRangesPerSubnetwork: 3 },
  });
  const refused = await patch(caller, list);
  expect(refused).toMatchObject({ status: 400, reason });
  expect(refused.message).toMatch(message);
  expect(await ranges(caller)).toEqual([PODS, SERVICES]);
});

test("a fingerprint is wanted, and the current one", async () => {
  await using caller = await startCaller();
  const body = { secondaryIpRanges: [PODS, SERVICES, OURS] };
  expect(await caller.call(SUBNETWORK, { body })).toMatchObject({
    status: 400,
    reason: "required",
  });
  const { fingerprint } = (await caller.call(SUBNETWORK)).body;
  caller.gce.change({ kind: "mutate-subnetwork-fingerprint", subnetwork: "nodes" });
  expect(await caller.call(SUBNETWORK, { body: { ...body, fingerprint } })).toMatchObject({
    status: 412,
    reason: "conditionNotMet",
  });
});

test("no second change while one is under way", async () => {
  await using caller = await startCaller({ options: { callsUntilDone: 9 } });
  await patch(caller, [PODS, SERVICES, OURS]);
  const refused = await patch(caller, [PODS, SERVICES, { ...OURS, rangeName: "other" }]);
  expect(refused).toMatchObject({ status: 400, reason: "resourceNotReady" });
});
