// Ranges that belong to somebody: other instances, other nodes, hands, the Go version.

import { describe, expect, it } from "vitest";
import { ip } from "#core/address.ts";
import { provisioningOf, withProvisioning } from "#provision/journal.ts";
import { ALL_PERMISSIONS, gkeScenario } from "#test/clouds/gce/scenario.ts";
import { before, other, ours, podRange, share } from "./happenings.ts";
import { NODE, SUBNET, cleanAudit, goalOf, prefix, testNode } from "./node.ts";

describe("5. the range belongs to another instance", () => {
  it("which is named and keeps it", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    node.fake.change({ kind: "add-foreign-alias", instance: other, alias: ours });
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringMatching(
        new RegExp(`${SUBNET} is in use: instance ${other} .*us-central1-a`),
      ),
    });
    expect(node.aliases(other)).toContain(SUBNET);
    await node.teardown();
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });

  it("which is not told to who may not list instances", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    node.fake.change({
      kind: "deny",
      project: "demo-project",
      permission: "compute.instances.list",
    });
    node.fake.change({ kind: "add-foreign-alias", instance: other, alias: ours });
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringContaining("already being used"),
    });
  });

  it("which has just given it up: it is waited for", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack, { options: { transferSeconds: 50 } });
    share(node);
    node.fake.change({ kind: "add-foreign-alias", instance: other, alias: ours });
    node.fake.change({ kind: "remove-foreign-alias", instance: other, alias: ours });
    await node.init();
    expect(node.aliases()).toEqual([podRange, SUBNET]);
    expect(node.told).toContainEqual(expect.stringContaining("up to a minute"));
  });
});

describe("6. the secondary range", () => {
  it("that does not cover is an error that says what to do", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node, "172.20.0.0/24");
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringMatching(
        /cocoon-pods .* has 172\.20\.0\.0\/24, which does not cover 172\.20\.100\.0\/24/,
      ),
      hint: expect.stringContaining("--subnet inside it"),
    });
    expect(node.fake.log.mutating).toEqual([]);
  });

  it("that another node makes at the same moment is used", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    before(node, "subnetworks.patch", 1, () => share(node));
    await node.init();
    expect(node.aliases()).toEqual([podRange, SUBNET]);
    expect(node.fake.audit()).toMatchObject({
      rangesLost: [],
      rangesAdded: ["nodes cocoon-pods 172.20.0.0/16"],
    });
  });

  it("that another node makes at the same moment, too narrow, is an error", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    before(node, "subnetworks.patch", 1, () => share(node, "172.20.101.0/24"));
    await expect(node.init()).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringContaining("does not cover"),
    });
    await node.teardown();
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });

  it("is in a host project where the VPC is shared", async () => {
    await using stack = new AsyncDisposableStack();
    const [nodes] = gkeScenario().subnetworks;
    const node = await testNode(stack, {
      subnetworks: [
        {
          name: "nodes",
          region: "us-central1",
          ipCidrRange: "10.128.0.0/20",
          ...nodes,
          project: "host-project",
        },
      ],
      permissions: { "demo-project": ALL_PERMISSIONS, "host-project": ALL_PERMISSIONS },
    });
    await node.init();
    expect(
      node.fake.log.calls.find(({ action }) => action === "subnetworks.patch")?.params,
    ).toMatchObject({ project: "host-project" });
    expect(node.fake.log.unexpected).toEqual([]);
  });
});

describe("what was there before", () => {
  it("an alias that init found stays when it is torn down", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    node.fake.change({ kind: "add-foreign-alias", instance: NODE, alias: ours });
    const { plan, pool } = await node.init();
    expect(plan.steps.map(({ action }) => action)).toEqual(["keep", "keep", "write"]);
    expect(pool.ips).toHaveLength(140);
    await node.teardown();
    expect(node.aliases()).toEqual([podRange, SUBNET]);
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });

  it("an adopted node loses nothing", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    await node.init();
    const { pool } = node;
    const recorded = provisioningOf(pool);
    if (pool === undefined || recorded === undefined) throw new Error("no journal");
    node.pool = withProvisioning(pool, { ...recorded, state: "adopted" });
    const plan = await node.teardown();
    expect(plan.steps.find(({ target }) => target.includes(SUBNET))).toMatchObject({
      action: "keep",
      detail: expect.stringContaining("adopted"),
    });
    expect(node.aliases()).toEqual([podRange, SUBNET]);
  });

  it.each([
    [false, true],
    [true, false],
  ])(
    "the Go version's alias, with --include-untagged %s: it stays is %s",
    async (includeUntagged, stays) => {
      await using stack = new AsyncDisposableStack();
      const node = await testNode(stack);
      await node.init();
      if (node.pool === undefined) throw new Error("no pool");
      node.pool = { ...node.pool, extra: {} };
      await node.teardown({ includeUntagged });
      expect(node.aliases().includes(SUBNET)).toBe(stays);
    },
  );

  it("an alias whose journal was lost stays, and goes with --include-untagged", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    await node.init();
    node.pool = undefined;
    await node.init();
    const { pool } = node;
    const plan = await node.teardown();
    expect(plan.steps.find(({ target }) => target.includes(SUBNET))).toMatchObject({
      action: "keep",
      detail: expect.stringContaining("--include-untagged"),
    });
    node.pool = pool;
    await node.teardown({ includeUntagged: true });
    expect(node.aliases()).toEqual([podRange]);
  });

  it("the node's own pod range is never taken for the pool", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    await expect(
      node.init(goalOf(podRange, { gateway: ip("10.4.1.1"), subnet: prefix(podRange) })),
    ).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringContaining("gke-demo-pods"),
    });
    expect(node.fake.log.mutating).toEqual([]);
  });
});
