// What was definitely refused was not made: the next run does not wait for it to show. What may have been made is waited for.

import { describe, expect, it } from "vitest";
import { entryOf, provisioningOf } from "#provision/journal.ts";
import { Countdown } from "#test/clouds/volcengine/lag.ts";
import { GROUP } from "#test/clouds/volcengine/standard-scenario.ts";
import { type TestNode, openNode } from "./node.ts";

const small = { poolSize: 20 };
const LASTING = 99;
/** As long as a step may wait for its turn, or to be let through. */
const TURN_MS = 45 * 60_000;

const refusedSteps = (node: TestNode) =>
  (provisioningOf(node.pool())?.entries ?? [])
    .filter(({ refused }) => refused === true)
    .map(({ step }) => step);

/** How often the VPC's subnets were read: twice by a run that waits for nothing, before and after its steps. */
const looks = (node: TestNode) => node.fake.log.counts()["DescribeSubnets"];

const makes = [
  ["CreateSubnet", "create-subnet"],
  ["CreateNetworkInterface", "create-eni/1"],
] as const;

describe.each(makes)("%s that is denied", (call, step) => {
  it("is noted as refused, and nothing waits for it", async () => {
    await using node = await openNode();
    node.fake.faults.plan({ call, nth: 1, kind: "denied" });
    await expect(node.init(small)).rejects.toMatchObject({ code: "cloud-denied" });
    expect(refusedSteps(node)).toEqual([step]);
    node.fake.log.clear();
    const { pool } = await node.init(small);
    expect(looks(node)).toBe(2);
    expect(pool.ips).toHaveLength(20);
    expect(refusedSteps(node)).toEqual([]);
  });

  it.each(["hang-after", "lost-after"] as const)(
    "after a try of the same call that ended in %s, leaves doubt",
    async (lost) => {
      await using node = await openNode({ callDeadline: 1_000 });
      node.fake.faults.plan(
        { call, nth: 1, kind: lost },
        { call, nth: 2, times: LASTING, kind: "denied" },
      );
      await expect(node.init(small)).rejects.toMatchObject({ code: "cloud-denied" });
      expect(refusedSteps(node)).toEqual([]);
      node.fake.faults.clear();
      await node.teardown();
      expect(node.fake.audit()).toMatchObject({ clean: true });
    },
  );

  it("after a run that was killed in it, leaves that one's doubt: what shows late is torn down", async () => {
    await using node = await openNode();
    const begin = node.fake.log.begin.bind(node.fake.log);
    node.fake.log.begin = (begun, at) => {
      if (begun.action === call) node.kill();
      return begin(begun, at);
    };
    await expect(node.init(small)).rejects.toThrow("killed");
    node.fake.log.begin = begin;
    await expect.poll(() => made(node)).toHaveLength(1);
    hide(node);
    node.fake.faults.plan({ call, nth: 1, times: LASTING, kind: "denied" });
    // Its waiting for what is hidden ends in vain, and the request that follows is refused.
    await expect(node.init(small)).rejects.toMatchObject({ code: "cloud-denied" });
    expect(entryOf(provisioningOf(node.pool()), step)?.state).toBe("intended");
    expect(refusedSteps(node)).toEqual([]);
    show(node);
    node.fake.faults.clear();
    await node.teardown();
    expect(node.fake.audit()).toMatchObject({ clean: true });
  });

  it("long after its step began, and then killed: what shows late is torn down", async () => {
    await using node = await openNode();
    const begin = node.fake.log.begin.bind(node.fake.log);
    node.fake.log.begin = (begun, at) => {
      if (begun.action !== call) return begin(begun, at);
      node.fake.advance(TURN_MS);
      node.kill();
      return begin(begun, node.fake.now());
    };
    await expect(node.init(small)).rejects.toThrow("killed");
    node.fake.log.begin = begin;
    await expect.poll(() => made(node)).toHaveLength(1);
    show(node);
    await node.teardown();
    expect(node.fake.audit()).toMatchObject({ clean: true });
  });

  /** What this call has made for the node. */
  function made(node: TestNode) {
    const { subnets, enis } = node.fake.regionNamed();
    return step === "create-subnet"
      ? [...subnets.values()].filter(({ cidr }) => cidr === "172.20.100.0/24")
      : [...enis.values()].filter(({ view }) => view.name.startsWith("cocoon-"));
  }
  const hide = (node: TestNode) => {
    for (const one of made(node)) one.hidden = new Countdown({ polls: 10_000 }, node.fake.now());
  };
  const show = (node: TestNode) => {
    for (const one of made(node)) one.hidden = new Countdown({ polls: 3 }, node.fake.now());
  };
});

it("a quota is a refusal: neither this run nor the next one waits", async () => {
  await using node = await openNode();
  node.fake.change({ kind: "security-group", id: GROUP, ipQuota: 60 });
  const { degraded } = await node.init();
  expect(degraded.join()).toContain("QuotaExceeded.SecurityGroupIp");
  expect(looks(node)).toBe(2);
  expect(refusedSteps(node)).toEqual(["create-eni/3"]);
  node.fake.change({ kind: "security-group", id: GROUP, ipQuota: 2_000 });
  node.fake.log.clear();
  const again = await node.init();
  expect([again.degraded, looks(node)]).toEqual([[], 2]);
});

it("a run that is killed in the request after a refusal leaves doubt", async () => {
  await using node = await openNode();
  node.fake.faults.plan({ call: "CreateNetworkInterface", nth: 1, kind: "denied" });
  await expect(node.init(small)).rejects.toMatchObject({ code: "cloud-denied" });
  const begin = node.fake.log.begin.bind(node.fake.log);
  node.fake.log.begin = (begun, at) => {
    if (begun.action === "CreateNetworkInterface") node.kill();
    return begin(begun, at);
  };
  await expect(node.init(small)).rejects.toThrow("killed");
  expect(refusedSteps(node)).toEqual([]);
});
