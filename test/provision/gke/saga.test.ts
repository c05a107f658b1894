// init and teardown on GKE from end to end against the fake: what is planned is what is called.

import { describe, expect, it } from "vitest";
import { provisioningOf } from "#provision/journal.ts";
import { NODE, SUBNET, TestNode, cleanAudit, first, goalOf, testNode } from "./node.ts";

const podRange = "10.4.1.0/24";
const changesOf = (plan: { readonly steps: readonly { readonly changes: readonly string[] }[] }) =>
  plan.steps.flatMap(({ changes }) => changes);
const changed = (node: TestNode) => node.fake.log.mutating.map(({ action }) => action);

describe("init on GKE", () => {
  it("makes the range, appends the alias, switches the agent's routes off and publishes the pool", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    const { plan, pool, degraded } = await node.init();
    expect(plan.steps.map(({ id, action }) => `${action} ${id}`)).toEqual([
      "check check-permissions/range",
      `make make-range/cocoon-pods/${SUBNET}`,
      `attach add-alias/cocoon-pods/${SUBNET}`,
      "write guest-agent",
    ]);
    expect(changed(node)).toEqual(changesOf(plan));
    expect(node.aliases()).toEqual([podRange, SUBNET]);
    expect(node.read("/etc/default/instance_configs.cfg")).toBe(
      "[InstanceSetup]\nset_host_keys = true\n[IpForwarding]\nip_aliases = false\n",
    );
    expect(node.restarts).toEqual([["google-guest-agent.service"]]);
    expect(degraded).toEqual([]);
    expect(pool).toMatchObject({
      platform: "gke",
      subnet: SUBNET,
      primaryNIC: "ens4",
      aliasRangeName: "cocoon-pods",
      secondaryNICs: [],
      eniIDs: [],
    });
    expect(pool.ips).toHaveLength(140);
    expect(pool.ips?.[0]).toBe(first);
    expect(provisioningOf(pool)).toMatchObject({
      state: "complete",
      vpcCIDRs: ["10.128.0.0/20", "10.4.0.0/14", "10.8.0.0/20", SUBNET],
    });
    expect(node.fake.log.unexpected).toEqual([]);
    expect(await node.differences()).toEqual([]);
  });

  it("changes nothing the second time", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    await node.init();
    node.fake.log.clear();
    const { plan } = await node.init();
    expect(plan.steps.map(({ action }) => action)).toEqual(["keep", "keep", "keep"]);
    expect(changed(node)).toEqual([]);
    expect(node.restarts).toHaveLength(1);
  });

  it("makes as many calls as the plan names and reading needs", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    const gke = node.open();
    const { plan } = await node.init(goalOf(SUBNET), { gke });
    const named = new Set(plan.steps.flatMap(({ changes, reads }) => [...changes, ...reads]));
    expect([...named].toSorted()).toEqual([...gke.calls.keys()].toSorted());
    expect(Object.fromEntries(gke.calls)).toEqual({
      "instances.get": 4,
      "subnetworks.get": 4,
      "instances.testIamPermissions": 1,
      "subnetworks.testIamPermissions": 1,
      "subnetworks.patch": 1,
      "regionOperations.wait": 2,
      "instances.updateNetworkInterface": 1,
      "zoneOperations.wait": 2,
    });
  });

  it("uses a range that covers the subnet, beside a second node that does the same", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    node.fake.change({
      kind: "add-secondary-range",
      subnetwork: "nodes",
      rangeName: "cocoon-pods",
      ipCidrRange: "172.20.0.0/16",
    });
    const { plan } = await node.init();
    expect(changesOf(plan)).toEqual(["instances.updateNetworkInterface"]);
    expect(changed(node)).toEqual(changesOf(plan));
    expect(node.aliases()).toEqual([podRange, SUBNET]);
  });
});

describe("teardown on GKE", () => {
  it("leaves nothing of ours but the shared range, and the agent's file as it was", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    await node.init();
    node.fake.log.clear();
    const plan = await node.teardown();
    expect(changed(node)).toEqual(changesOf(plan));
    expect(node.aliases()).toEqual([podRange]);
    expect(node.fake.audit()).toMatchObject(cleanAudit);
    expect(node.read("/etc/default/instance_configs.cfg")).toBe(
      "[InstanceSetup]\nset_host_keys = true\n",
    );
    expect(node.restarts).toHaveLength(2);
    expect(node.fake.log.unexpected).toEqual([]);
    expect(plan.steps.at(-1)).toMatchObject({ id: "keep-range/cocoon-pods", action: "keep" });
  });

  it("can be followed by another init", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    await node.init();
    await node.teardown();
    await node.init();
    expect(node.aliases(NODE)).toEqual([podRange, SUBNET]);
    await node.teardown();
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });
});
