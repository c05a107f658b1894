// Init and teardown against the fake cloud, over real HTTP: what they leave, and that the plan was the truth.

import { describe, expect, it } from "vitest";
import type { CloudPlan } from "#provision/cloud.ts";
import { provisioningOf } from "#provision/journal.ts";
import { openNode } from "./node.ts";

const changesOf = (plan: CloudPlan) => plan.steps.flatMap(({ changes }) => changes);
const made = (calls: readonly { action: string }[]) => calls.map(({ action }) => action);

describe("init", () => {
  it("gives a node 140 addresses, by exactly the calls of its plan", async () => {
    await using node = await openNode();
    const { pool, degraded, plan } = await node.init();
    expect(degraded).toEqual([]);
    expect(pool.ips).toHaveLength(140);
    expect(new Set(pool.ips).size).toBe(140);
    expect(pool.eniIDs).toHaveLength(7);
    expect(pool.secondaryNICs).toHaveLength(7);
    expect(provisioningOf(pool)?.state).toBe("complete");
    expect(made(node.fake.log.mutating)).toEqual(changesOf(plan));
    expect(node.fake.log.unexpected).toEqual([]);
    expect(node.fake.audit()).toMatchObject({ lost: [], changed: [] });
  });
  it("does nothing the second time", async () => {
    await using node = await openNode();
    await node.init();
    node.fake.log.clear();
    const { plan, pool } = await node.init();
    expect(changesOf(plan)).toEqual([]);
    expect(node.fake.log.mutating).toEqual([]);
    expect(pool.ips).toHaveLength(140);
  });
});

describe("teardown", () => {
  it("leaves nothing of ours and touches nothing foreign, by exactly the calls of its plan", async () => {
    await using node = await openNode({ foreign: true, maxEnis: 11 });
    const before = node.fake.regionNamed().enis.size;
    await node.init();
    node.fake.log.clear();
    const plan = await node.teardown();
    expect(made(node.fake.log.mutating)).toEqual(changesOf(plan));
    expect(node.fake.audit()).toMatchObject({ clean: true });
    expect(node.fake.regionNamed().enis.size).toBe(before);
    expect(node.host.files.size).toBe(0);
  });
  it("does nothing the second time", async () => {
    await using node = await openNode();
    await node.init();
    await node.teardown();
    expect(changesOf(await node.teardown())).toEqual([]);
  });
});

describe("with a cloud that is late and throttles", () => {
  it("init and teardown still make exactly what they planned", async () => {
    await using node = await openNode({ settings: {} });
    const { plan, pool } = await node.init();
    expect(pool.ips).toHaveLength(140);
    const accepted = node.fake.log.mutating.filter(({ outcome }) => outcome === "ok");
    expect(made(accepted)).toEqual(changesOf(plan));
    await node.teardown();
    expect(node.fake.audit()).toMatchObject({ clean: true });
  });
});
