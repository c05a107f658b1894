// A machine whose clock is wrong: GKE's calls carry no time, and a token counts from when it was given.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { provisioningOf } from "#provision/journal.ts";
import { before, podRange } from "./happenings.ts";
import { SUBNET, type TestNode, cleanAudit, testNode } from "./node.ts";

/** The cloud's time when a test begins. */
const NOW = Date.parse("2026-11-21T12:00:00Z");
const DAY = 86_400_000;

// The credentials' library has no other clock than the process's.
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

/** From now on the machine's clock is that many milliseconds off; it goes on with the cloud's. */
function setClock(node: TestNode, off: number): void {
  const { clock } = node.fake.state;
  const now = () => clock.now() + off;
  node.timing.now = now;
  vi.setSystemTime(now());
  clock.onMove(() => void vi.setSystemTime(node.timing.now()));
}

async function expectFull(node: TestNode): Promise<void> {
  const { pool, degraded } = await node.init();
  expect(degraded).toEqual([]);
  expect(provisioningOf(pool)?.state).toBe("complete");
  expect(node.aliases()).toEqual([podRange, SUBNET]);
}

const tokens = (node: TestNode) => node.fake.log.counts()["metadata.token"];

describe("a clock that is wrong from the start", () => {
  it.each([
    ["a day ahead", DAY],
    ["a day behind", -DAY],
    ["at 1970", -NOW],
  ])("%s: init and teardown as ever, with one token each", async (_, off) => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack, { now: NOW });
    setClock(node, off);
    await expectFull(node);
    expect(tokens(node)).toBe(1);
    expect(await node.differences()).toEqual([]);
    await node.teardown();
    expect(tokens(node)).toBe(3);
    expect(node.fake.audit()).toMatchObject(cleanAudit);
    expect(node.fake.log.unexpected).toEqual([]);
  });

  it.each([
    ["ahead", DAY],
    ["behind", -DAY],
  ])("%s: a used-up rate quota is waited for as long as it takes", async (_, off) => {
    await using stack = new AsyncDisposableStack();
    const options = { requestsPerMinute: 6, tokenSeconds: 100_000 };
    const node = await testNode(stack, { now: NOW, options });
    setClock(node, off);
    await expectFull(node);
    expect(node.fake.log.calls.length).toBeLessThan(60);
  });
});

describe("a clock that is set while init runs", () => {
  it.each([
    ["forward by a day: the token is asked for anew", DAY, 2],
    ["back by a day: the token is used until it is refused", -DAY, 1],
  ])("%s", async (_, off, asked) => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack, { now: NOW });
    setClock(node, 0);
    before(node, "subnetworks.patch", 1, () => setClock(node, off));
    await expectFull(node);
    expect(tokens(node)).toBe(asked);
  });

  it("back by a day, and then the token ends before its time by this clock", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack, { now: NOW });
    setClock(node, 0);
    before(node, "subnetworks.patch", 1, () => {
      setClock(node, -DAY);
      node.fake.state.clock.move(2 * 3_600_000);
    });
    await expectFull(node);
    expect(tokens(node)).toBe(2);
  });
});

describe("a clock that is set between two runs", () => {
  it.each([DAY, -DAY])(
    "by %i ms: what a killed init began is finished, and undone",
    async (off) => {
      await using stack = new AsyncDisposableStack();
      const node = await testNode(stack, { now: NOW });
      setClock(node, 0);
      await expect(node.init(undefined, { kill: { save: 6, when: "after" } })).rejects.toThrow();
      setClock(node, off);
      await expectFull(node);
      setClock(node, -off);
      await node.teardown();
      expect(node.fake.audit()).toMatchObject(cleanAudit);
    },
  );
});
