// The machine and what it may do: guest agent, instances made anew, quotas, permissions, scopes.

import { describe, expect, it } from "vitest";
import { gkeScenario } from "#test/clouds/gce/scenario.ts";
import { before, patches, podRange, share } from "./happenings.ts";
import { NODE, SUBNET, cleanAudit, testNode } from "./node.ts";

describe("7. the guest agent's route", () => {
  it("is switched off by the agent's own setting; when the agent cannot be restarted a warning is told", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    node.restartFails = true;
    await node.init();
    expect(node.told).toContainEqual(
      expect.stringMatching(/^warning: the guest agent could not be restarted/),
    );
    expect(node.read("/etc/default/instance_configs.cfg")).toContain("ip_aliases = false");
  });

  it("stays on where its file cannot be written: the pool is published and called degraded", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    // A folder in the way of the temporary file: root can write everywhere else.
    node.write("/etc/default/.instance_configs.cfg.new/in-the-way", "");
    const { pool, degraded } = await node.init();
    expect(pool.ips).toHaveLength(140);
    expect(degraded).toEqual([
      expect.stringMatching(/cannot write \/etc\/default\/instance_configs\.cfg/),
    ]);
    expect(node.restarts).toEqual([]);
    await node.teardown();
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });
});

describe("8. the VM was made anew under its name", () => {
  it("between reading the metadata and the change: nothing is changed", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    before(node, "instances.testIamPermissions", 1, () => {
      node.fake.change({ kind: "recreate-instance", instance: NODE });
    });
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringContaining("made anew"),
    });
    expect(patches(node)).toEqual([]);
  });

  it("after init: status says so, and teardown takes nothing", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    await node.init();
    node.fake.change({ kind: "recreate-instance", instance: NODE });
    node.fake.log.clear();
    const what = (await node.differences()).map((difference) => difference.what);
    expect(what[0]).toBe("instance");
    expect((await node.teardown()).warnings).toEqual([
      expect.stringContaining("was made on instance"),
    ]);
    expect(node.fake.log.mutating).toEqual([]);
  });
});

describe("9. quotas", () => {
  it.each(["403", "429"] as const)(
    "rate, shown as %s: the next minute is waited for",
    async (throttle) => {
      await using stack = new AsyncDisposableStack();
      const node = await testNode(stack, {
        now: Date.now(),
        options: { requestsPerMinute: 6, throttle, retryAfterSeconds: 30, tokenSeconds: 100_000 },
      });
      const began = node.fake.state.clock.now();
      await node.init();
      expect(node.aliases()).toEqual([podRange, SUBNET]);
      expect(node.fake.state.clock.now() - began).toBeGreaterThan(60_000);
      expect(node.fake.log.calls.length).toBeLessThan(60);
    },
  );

  it("of alias ranges on a NIC is told before anything is changed", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    for (let index = 0; index < 149; index++) {
      const alias = { ipCidrRange: `10.5.${index}.0/32`, subnetworkRangeName: "gke-demo-pods" };
      node.fake.change({ kind: "add-foreign-alias", instance: NODE, alias });
    }
    await expect(node.init()).rejects.toMatchObject({ code: "cloud-limit" });
    expect(node.fake.log.mutating).toEqual([]);
  });

  it("of alias ranges in the network is fatal and named", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack, { options: { aliasesPerNetwork: 2 } });
    share(node);
    await expect(node.init()).rejects.toMatchObject({ code: "cloud-limit" });
    await node.teardown();
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });
});

describe("10. permissions and scopes", () => {
  it.each([
    ["compute.instances.updateNetworkInterface", `instance ${NODE} (project demo-project)`],
    ["compute.subnetworks.update", "subnetwork nodes (project demo-project, region us-central1)"],
  ])("without %s nothing is changed, and it is named", async (permission, where) => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    node.fake.change({ kind: "deny", project: "demo-project", permission });
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-denied",
      message: `permission is missing: ${permission} on ${where}`,
      hint: expect.stringContaining("packaging/gke-role.yaml"),
    });
    expect(node.fake.log.mutating).toEqual([]);
  });

  it.each([
    "compute.instances.get",
    "compute.subnetworks.get",
    "compute.zoneOperations.get",
    "compute.subnetworks.use",
  ])("without %s the cloud's refusal names it", async (permission) => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    node.fake.change({ kind: "deny", project: "demo-project", permission });
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-denied",
      message: expect.stringContaining(permission),
    });
    node.fake.change({ kind: "grant", project: "demo-project", permission });
    await node.init();
    await node.teardown();
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });

  it("a node whose scopes only read is told so by the plan", async () => {
    await using stack = new AsyncDisposableStack();
    const instances = gkeScenario().instances.map((instance) => ({
      ...instance,
      scopes: ["https://www.googleapis.com/auth/compute.readonly"],
    }));
    const node = await testNode(stack, { instances });
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-denied",
      message: expect.stringMatching(/scope/i),
    });
    expect(node.fake.log.mutating).toEqual([]);
  });

  it("a token that was revoked is asked for anew, once", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    before(node, "instances.testIamPermissions", 1, () =>
      node.fake.change({ kind: "revoke-tokens" }),
    );
    await node.init();
    expect(node.fake.log.counts()["metadata.token"]).toBe(2);
  });

  it("an instance without IP forwarding gets a warning", async () => {
    await using stack = new AsyncDisposableStack();
    const instances = gkeScenario().instances.map((instance) => ({
      ...instance,
      canIpForward: false,
    }));
    const node = await testNode(stack, { instances });
    const { plan } = await node.init();
    expect(plan.warnings).toContainEqual(expect.stringContaining("canIpForward"));
  });
});
