// Changes of a list that others change too: races, lost answers, operations that fail late, the last entry.

import { describe, expect, it } from "vitest";
import { provisioningOf } from "#provision/journal.ts";
import { gkeScenario } from "#test/clouds/gce/scenario.ts";
import { before, patches, podRange, share } from "./happenings.ts";
import { NODE, SUBNET, cleanAudit, testNode } from "./node.ts";

describe("1. a race for the fingerprint", () => {
  it.each(["request", "operation"] as const)(
    "shown in the %s: the list is read anew, and the other's entry stays",
    async (staleFingerprint) => {
      await using stack = new AsyncDisposableStack();
      const node = await testNode(stack, { options: { staleFingerprint } });
      share(node);
      let added = 0;
      before(node, "instances.updateNetworkInterface", 2, () => {
        const alias = {
          ipCidrRange: `10.4.2${added++}.0/24`,
          subnetworkRangeName: "gke-demo-pods",
        };
        node.fake.change({ kind: "add-foreign-alias", instance: NODE, alias });
      });
      await node.init();
      expect(node.aliases()).toEqual([podRange, "10.4.20.0/24", "10.4.21.0/24", SUBNET]);
      const ids = patches(node).map(({ params }) => params["requestId"]);
      expect(new Set(ids).size).toBe(3);
      await node.teardown();
      expect(node.fake.audit()).toMatchObject(cleanAudit);
    },
  );

  it("that does not end is given up after ten rounds, and the next run goes on", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    before(node, "instances.updateNetworkInterface", 10, () => {
      node.fake.change({ kind: "mutate-fingerprint", instance: NODE });
    });
    await expect(node.init()).rejects.toMatchObject({ code: "cloud-conflict" });
    expect(patches(node)).toHaveLength(10);
    await node.init();
    expect(node.aliases()).toEqual([podRange, SUBNET]);
  });
});

describe("2. the answer to the change is lost", () => {
  it("the same request ID is sent again, and one operation comes of it", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    node.fake.faults.plan({
      call: "instances.updateNetworkInterface",
      nth: 1,
      times: 3,
      kind: "lost-after",
    });
    await node.init();
    const ids = patches(node).map(({ params }) => params["requestId"]);
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(1);
    expect(
      node.fake.state.operations.list("projects/demo-project/zones/us-central1-a"),
    ).toHaveLength(1);
  });

  it("a teardown finds the operation by its request's ID and waits for it", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack, { options: { callsUntilRunning: 20, callsUntilDone: 40 } });
    share(node);
    node.fake.faults.plan({
      call: "instances.updateNetworkInterface",
      nth: 1,
      times: 99,
      kind: "hang-after",
    });
    await expect(node.init()).rejects.toMatchObject({ code: "cloud-unavailable" });
    node.fake.faults.clear();
    const plan = await node.teardown();
    expect(plan.steps[1]).toMatchObject({ action: "remove" });
    expect(node.fake.log.counts()["zoneOperations.list"]).toBe(1);
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });
});

describe("3. an operation that ends in an error after HTTP 200", () => {
  it("is an error, with the operation's words", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    node.fake.change({
      kind: "fail-next-operation",
      code: "QUOTA_EXCEEDED",
      message: "Quota 'ALIASES_PER_NETWORK_GLOBAL' exceeded. Limit: 15000 globally.",
    });
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-limit",
      message: expect.stringContaining("ALIASES_PER_NETWORK_GLOBAL"),
      hint: expect.stringContaining("quota"),
    });
  });

  it.each([false, true])(
    "is not the next run's error once its cause is gone; its answer was lost: %s",
    async (lost) => {
      await using stack = new AsyncDisposableStack();
      const node = await testNode(stack);
      share(node);
      node.fake.change({ kind: "fail-next-operation", code: "QUOTA_EXCEEDED", message: "Full." });
      if (lost)
        node.fake.faults.plan({
          call: "instances.updateNetworkInterface",
          nth: 1,
          times: 99,
          kind: "lost-after",
        });
      await expect(node.init()).rejects.toMatchObject({ code: expect.stringMatching(/^cloud-/) });
      node.fake.faults.clear();
      await node.init();
      expect(node.aliases()).toEqual([podRange, SUBNET]);
      await node.teardown();
      expect(node.fake.audit()).toMatchObject(cleanAudit);
    },
  );

  it("is tried again when the reason passes", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    for (const code of ["RESOURCE_NOT_READY", "INTERNAL_ERROR"])
      node.fake.change({ kind: "fail-next-operation", code, message: "Try again." });
    await node.init();
    expect(patches(node)).toHaveLength(3);
  });

  it("is told when it takes too long, and the next run goes on waiting for it", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack, { options: { callsUntilDone: 10_000 } });
    share(node);
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-unavailable",
      message: expect.stringMatching(/^operation operation-.* has not ended after 300 s$/),
    });
    node.fake.change({ kind: "settle-operations" });
    await node.init();
    expect(patches(node)).toHaveLength(1);
    await node.teardown().catch(() => node.fake.change({ kind: "settle-operations" }));
    await node.teardown();
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });

  it("is waited for by the process that comes after the one that began it", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack, { options: { callsUntilRunning: 10, callsUntilDone: 30 } });
    share(node);
    // Step check: two writings; alias: intent, fingerprint, operation.
    await expect(node.init(undefined, { kill: { save: 6, when: "after" } })).rejects.toThrow(
      "killed",
    );
    const entry = provisioningOf(node.pool)?.entries.find(({ step }) =>
      step.startsWith("add-alias/"),
    );
    expect(entry?.notes["operation"]).toMatch(/^operation-/);
    await node.init();
    expect(patches(node)).toHaveLength(1);
    expect(node.fake.log.counts()["zoneOperations.list"]).toBeUndefined();
    expect(node.aliases()).toEqual([podRange, SUBNET]);
  });
});

describe("4. the last alias", () => {
  it("is removed with an explicit empty list, and read back", async () => {
    await using stack = new AsyncDisposableStack();
    const scenario = gkeScenario();
    const instances = scenario.instances.map((instance) => ({
      ...instance,
      networkInterfaces: instance.networkInterfaces.map((nic) => ({ ...nic, aliasIpRanges: [] })),
    }));
    const node = await testNode(stack, { instances });
    await node.init();
    expect(node.aliases()).toEqual([SUBNET]);
    await node.teardown();
    expect(patches(node).at(-1)?.params["body"]).toMatchObject({ aliasIpRanges: [] });
    expect(node.aliases()).toEqual([]);
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });
});
