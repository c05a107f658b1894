// Every single call to the cloud goes wrong, in turn and in every way; the process dies at every call. A plain second run mends it.

import { describe, expect, it } from "vitest";
import { provisioningOf } from "#provision/journal.ts";
import { PROMPT, type TestNode, openNode } from "./node.ts";
import { type Trouble, heal, ofChanges, plant, troubles } from "./trouble.ts";

/** One interface: every kind of step, few calls. */
const ADDRESSES = 20;
/** Nodes and clouds at one time; each waits more than it works. */
const AT_ONCE = 4;
const LATE = { polls: 1 };
const lateness = { transition: LATE, notFound: LATE, stale: LATE, subnetRelease: LATE };
const options = { foreign: true, maxEnis: 6, settings: { ...PROMPT, ...lateness } };
const goal = { poolSize: ADDRESSES };

async function expectFull(node: TestNode): Promise<void> {
  const { pool, degraded } = await node.init(goal);
  expect(degraded).toEqual([]);
  expect(provisioningOf(pool)?.state).toBe("complete");
  expect(pool.ips).toHaveLength(ADDRESSES);
  const { enisLeft, subnetsLeft, lost, changed } = node.fake.audit();
  expect(enisLeft.map(({ status, instance, name }) => [name, status, instance])).toEqual([
    ["cocoon-node-1-1", "InUse", node.instance],
  ]);
  expect(subnetsLeft).toHaveLength(1);
  expect([...lost, ...changed]).toEqual([]);
}

/** A node that was made while the cloud was quick, and is to be removed now that it is late. */
async function initialised(): Promise<TestNode> {
  const node = await openNode({ ...options, settings: PROMPT });
  await node.init(goal);
  node.fake.change({ kind: "settings", settings: lateness });
  node.fake.log.clear();
  return node;
}

/** How many calls a run makes that this trouble can meet. */
async function callsOf(
  trouble: Trouble,
  run: (node: TestNode) => Promise<unknown>,
  open: () => Promise<TestNode> = () => openNode(options),
): Promise<number> {
  await using node = await open();
  await run(node);
  const { calls, mutating } = node.fake.log;
  return (ofChanges.includes(trouble) ? mutating : calls).length;
}

/** Each call in turn. */
async function inTurn(calls: number, check: (nth: number) => Promise<void>): Promise<void> {
  let next = 1;
  const work = async () => {
    for (let nth = next++; nth <= calls; nth = next++)
      await check(nth).catch((thrown: unknown) => {
        throw new Error(`call ${nth}`, { cause: thrown });
      });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

const ignored = () => undefined;

describe("init, when a call", () => {
  it.each([...troubles, ...ofChanges])(
    "ends in %s, is finished by the next init",
    async (trouble) => {
      const calls = await callsOf(trouble, (node) => node.init(goal));
      expect(calls).toBeGreaterThan(2);
      await inTurn(calls, async (nth) => {
        await using node = await openNode(options);
        plant(node, trouble, { nth });
        await node.init(goal).catch(ignored);
        heal(node);
        await expectFull(node);
        expect(node.fake.log.unexpected).toEqual([]);
      });
    },
  );

  it.each(["lasting-failure", "killed-before", "killed-after"] as const)(
    "ends in %s, is undone by teardown",
    async (trouble) => {
      const calls = await callsOf(trouble, (node) => node.init(goal));
      await inTurn(calls, async (nth) => {
        await using node = await openNode(options);
        plant(node, trouble, { nth });
        await node.init(goal).catch(ignored);
        heal(node);
        await node.teardown();
        expect(node.fake.audit()).toMatchObject({ clean: true });
        expect(node.host.files.size).toBe(0);
      });
    },
  );
});

describe("teardown, when a call", () => {
  it.each([...troubles, ...ofChanges])(
    "ends in %s, is finished by the next teardown",
    async (trouble) => {
      const calls = await callsOf(trouble, (node) => node.teardown(), initialised);
      expect(calls).toBeGreaterThan(2);
      await inTurn(calls, async (nth) => {
        await using node = await initialised();
        plant(node, trouble, { nth });
        await node.teardown().catch(ignored);
        heal(node);
        await node.teardown();
        expect(node.fake.audit()).toMatchObject({ clean: true });
      });
    },
  );
});
