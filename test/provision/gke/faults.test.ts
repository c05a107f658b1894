// Every call of init and teardown goes wrong in turn, in every way; a plain second run ends it, and nothing is left or lost.

import { describe, expect, it } from "vitest";
import { BrokerError } from "#core/errors.ts";
import { provisioningOf } from "#provision/journal.ts";
import type { FaultKind } from "#test/clouds/shared/fault-plan.ts";
import { NODE, SUBNET, type TestNode, cleanAudit, onceOnly, patient, testNode } from "./node.ts";

const podRange = "10.4.1.0/24";
const config = "/etc/default/instance_configs.cfg";
const kinds: readonly FaultKind[] = [
  "fail-before",
  "lost-after",
  "hang",
  "throttle",
  "garbage",
  "denied",
];
/** Those after which more stands than the journal knows. */
const telling: readonly FaultKind[] = ["lost-after", "truncated", "hang-after"];
/** Of these a single run gets over by itself. */
const passing: readonly FaultKind[] = ["fail-before", "lost-after", "throttle"];
/** init makes about thirty calls; a fault beyond the last one never happens, which ends the loop. */
const MAX_CALLS = 60;

const phases = {
  init: { prepare: async () => undefined, run: (node: TestNode) => node.init() },
  teardown: {
    prepare: (node: TestNode) => node.init(),
    run: (node: TestNode) => node.teardown(),
  },
} as const;

/** Runs a phase with its nth call going wrong; false when there is no nth call. */
async function withFault(
  node: TestNode,
  phase: keyof typeof phases,
  nth: number,
  kind: FaultKind,
): Promise<boolean> {
  await phases[phase].prepare(node);
  node.fake.faults.plan({ call: "any", nth, kind });
  node.limits = onceOnly;
  const failure = await phases[phase].run(node).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (node.fake.faults.pending.length > 0) {
    if (failure !== undefined) throw failure;
    return false;
  }
  if (failure !== undefined) expectTold(failure);
  node.limits = patient;
  return true;
}

function expectTold(failure: unknown): void {
  expect(failure).toBeInstanceOf(BrokerError);
  const { code, message, hint, details } = failure as BrokerError;
  expect(code).toMatch(/^cloud-/);
  expect(hint).not.toBe("");
  expect(`${message} ${hint} ${details}`).not.toContain("ya29");
}

async function expectFull(node: TestNode): Promise<void> {
  const { pool, degraded } = await node.init();
  expect(degraded).toEqual([]);
  expect(pool.ips).toHaveLength(140);
  expect(provisioningOf(pool)?.state).toBe("complete");
  expect(node.aliases()).toEqual([podRange, SUBNET]);
  expect(node.read(config)).toContain("ip_aliases = false");
}

async function expectNothingLeft(node: TestNode): Promise<void> {
  await node.teardown();
  expect(node.fake.audit()).toMatchObject(cleanAudit);
  expect(node.read(config)).not.toContain("ip_aliases");
  expect(node.fake.log.unexpected).toEqual([]);
}

/** A request that was repeated with its ID began nothing new. */
const begunOperations = ({ fake: { state } }: TestNode): number =>
  [
    "projects/demo-project/zones/us-central1-a",
    "projects/demo-project/regions/us-central1",
  ].flatMap((scope) => state.operations.list(scope)).length;

/** Each call in turn; how many there were. */
async function eachCall(
  phase: keyof typeof phases,
  kind: FaultKind,
  then: (node: TestNode) => Promise<void>,
): Promise<number> {
  for (let nth = 1; nth <= MAX_CALLS; nth++) {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    if (!(await withFault(node, phase, nth, kind))) return nth - 1;
    await then(node);
  }
  throw new Error(`${phase} makes more than ${MAX_CALLS} calls`);
}

describe.each(kinds)("%s", (kind) => {
  it("at each call of init: init again ends it", async () => {
    const calls = await eachCall("init", kind, async (node) => {
      await expectFull(node);
      expect(node.fake.audit()).toMatchObject({
        ...cleanAudit,
        ours: [`${NODE}/nic0 cocoon-pods ${SUBNET}`],
      });
    });
    expect(calls).toBeGreaterThan(20);
  });
});

describe.each(telling)("%s", (kind) => {
  it("at each call of init: teardown undoes what there is", async () => {
    await eachCall("init", kind, expectNothingLeft);
  });
});

describe.each([...new Set([...kinds, ...telling])])("%s", (kind) => {
  it("at each call of teardown: teardown again ends it", async () => {
    const calls = await eachCall("teardown", kind, expectNothingLeft);
    expect(calls).toBeGreaterThan(8);
  });
});

describe.each(passing)("%s, once", (kind) => {
  it("is got over by the run itself", async () => {
    for (let nth = 1; nth <= MAX_CALLS; nth++) {
      await using stack = new AsyncDisposableStack();
      const node = await testNode(stack);
      node.fake.faults.plan({ call: "any", nth, kind });
      await expectFull(node);
      if (node.fake.faults.pending.length > 0) return;
      expect(begunOperations(node)).toBe(2);
    }
    throw new Error(`init makes more than ${MAX_CALLS} calls`);
  });
});

describe("killed at each writing of the journal", () => {
  it.each(["before", "after"] as const)("%s it is durable: init again ends it", async (when) => {
    for (let save = 1; save <= MAX_CALLS; save++) {
      await using stack = new AsyncDisposableStack();
      const node = await testNode(stack);
      const killed = await node.init(undefined, { kill: { save, when } }).catch(() => undefined);
      if (killed !== undefined) return expect(save).toBeGreaterThan(10);
      await expectFull(node);
      await expectNothingLeft(node);
    }
    throw new Error("the journal is written without end");
  });

  it.each(["before", "after"] as const)("%s it is durable: teardown undoes it", async (when) => {
    for (let save = 1; save <= MAX_CALLS; save++) {
      await using stack = new AsyncDisposableStack();
      const node = await testNode(stack);
      const killed = await node.init(undefined, { kill: { save, when } }).catch(() => undefined);
      if (killed !== undefined) return;
      await expectNothingLeft(node);
    }
  });

  it.each(["before", "after"] as const)(
    "%s it is durable: a killed teardown is repeated",
    async (when) => {
      for (let save = 1; save <= MAX_CALLS; save++) {
        await using stack = new AsyncDisposableStack();
        const node = await testNode(stack);
        await node.init();
        const killed = await node.teardown({ kill: { save, when } }).catch(() => undefined);
        if (killed !== undefined) return expect(save).toBeGreaterThan(5);
        await expectNothingLeft(node);
      }
    },
  );
});
