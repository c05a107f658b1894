// The audit finds what leaked and what was lost, and nothing else.

import { expect, test } from "vitest";
import { type Caller, NODE_1, NODE_2, SUBNETWORK, startCaller } from "./calls.ts";

const GKE = { ipCidrRange: "10.4.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const OURS = { ipCidrRange: "10.5.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const FOREIGN = { ipCidrRange: "10.6.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const CLEAN = {
  ours: [],
  foreignLost: [],
  reordered: [],
  rangesLost: [],
  rangesAdded: [],
  overlapping: [],
};

const set = async (caller: Caller, list: readonly unknown[]) =>
  caller.finish(await caller.setAliases(NODE_1, list));

test("nothing at first, ours while it is there, nothing once it is gone", async () => {
  await using caller = await startCaller();
  expect(caller.gce.audit()).toEqual(CLEAN);
  await set(caller, [GKE, OURS]);
  expect(caller.gce.audit()).toEqual({
    ...CLEAN,
    ours: ["gke-demo-pool-1/nic0 gke-demo-pods 10.5.1.0/24"],
  });
  await set(caller, [GKE]);
  expect(caller.gce.audit()).toEqual(CLEAN);
});

test("an operation that nobody awaits counts as carried out", async () => {
  await using caller = await startCaller({ options: { callsUntilDone: 99 } });
  await caller.setAliases(NODE_1, [GKE, OURS]);
  expect(caller.gce.audit().ours).toHaveLength(1);
});

test("a foreign alias that is gone", async () => {
  await using caller = await startCaller();
  await set(caller, []);
  expect(caller.gce.audit().foreignLost).toEqual([
    "gke-demo-pool-1/nic0 gke-demo-pods 10.4.1.0/24",
  ]);
});

test.each([
  { what: "ours before a foreign one", list: [OURS, GKE, FOREIGN] },
  { what: "foreign ones exchanged", list: [FOREIGN, GKE] },
])("$what", async ({ list }) => {
  await using caller = await startCaller();
  const instance = "gke-demo-pool-1";
  caller.gce.change({ kind: "add-foreign-alias", instance, alias: FOREIGN });
  await set(caller, list);
  expect(caller.gce.audit().reordered).toEqual(["gke-demo-pool-1/nic0"]);
});

test("what others do to their own is no fault of ours, wherever it comes", async () => {
  await using caller = await startCaller();
  const instance = "gke-demo-pool-1";
  await set(caller, [GKE, OURS]);
  caller.gce.change({ kind: "add-foreign-alias", instance, alias: FOREIGN });
  await set(caller, [GKE, FOREIGN]);
  caller.gce.change({ kind: "remove-foreign-alias", instance, alias: GKE });
  expect(caller.gce.audit()).toEqual(CLEAN);
  expect((await caller.nic()).aliasIpRanges).toEqual([FOREIGN]);
});

test("a change of others makes the fingerprint stale", async () => {
  await using caller = await startCaller();
  const before = await caller.nic();
  caller.gce.change({ kind: "mutate-fingerprint", instance: "gke-demo-pool-1" });
  const refused = await caller.call(`${NODE_1}/updateNetworkInterface?networkInterface=nic0`, {
    body: { fingerprint: before.fingerprint, aliasIpRanges: [GKE, OURS] },
  });
  expect(refused).toMatchObject({ status: 412, reason: "conditionNotMet" });
});

test("secondary ranges that came and went", async () => {
  await using caller = await startCaller();
  caller.gce.change({
    kind: "add-secondary-range",
    subnetwork: "nodes",
    rangeName: "cocoon-pods",
    ipCidrRange: "172.20.0.0/16",
  });
  expect(caller.gce.audit().rangesAdded).toEqual(["nodes cocoon-pods 172.20.0.0/16"]);
  const { fingerprint } = (await caller.call(SUBNETWORK)).body;
  await caller.finish(await caller.setAliases(NODE_1, []));
  await caller.finish(await caller.setAliases(NODE_2, []));
  const now = (await caller.call(SUBNETWORK)).body["fingerprint"];
  expect(now).toBe(fingerprint);
  await caller.finish(
    await caller.call(SUBNETWORK, { body: { fingerprint, secondaryIpRanges: [] } }),
  );
  expect(caller.gce.audit()).toMatchObject({
    rangesAdded: [],
    rangesLost: ["nodes gke-demo-pods 10.4.0.0/14", "nodes gke-demo-services 10.8.0.0/20"],
  });
});

test("the machine around hears of each change", async () => {
  await using caller = await startCaller();
  const heard: unknown[] = [];
  caller.gce.changes.onChange((change) => heard.push(change));
  await set(caller, [GKE, OURS]);
  await set(caller, [GKE]);
  const common = {
    kind: "aliases",
    instance: "gke-demo-pool-1",
    interface: "nic0",
    mac: "42:01:0a:80:00:02",
    networkIP: "10.128.0.2",
  };
  const metadata = { kind: "metadata", instance: "gke-demo-pool-1" };
  expect(heard).toEqual([
    { ...common, added: ["10.5.1.0/24"], removed: [] },
    metadata,
    { ...common, added: [], removed: ["10.5.1.0/24"] },
    metadata,
  ]);
});
