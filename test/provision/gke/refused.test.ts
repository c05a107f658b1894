// What was definitely refused was not made: an alias that somebody adds by hand after it is not ours. What may have been made is.

import { describe, expect, it } from "vitest";
import { entryOf, provisioningOf } from "#provision/journal.ts";
import { other, ours, podRange, share } from "./happenings.ts";
import { NODE, SUBNET, type TestNode, cleanAudit, testNode } from "./node.ts";

const LASTING = 99;
const CALL = "instances.updateNetworkInterface";
const STEP = `add-alias/cocoon-pods/${SUBNET}`;

const isRefused = (node: TestNode) => entryOf(provisioningOf(node.pool), STEP)?.refused === true;

/** Somebody adds by hand what init was not given, init finds it, and teardown comes. */
async function addByHand(node: TestNode): Promise<void> {
  node.fake.faults.clear();
  node.fake.change({ kind: "add-foreign-alias", instance: NODE, alias: ours });
  await node.init();
  await node.teardown();
}

describe("after a refusal an alias that was added by hand is kept by teardown", () => {
  it.each<[string, (node: TestNode) => void]>([
    [
      "an operation that failed",
      ({ fake }) =>
        fake.change({ kind: "fail-next-operation", code: "QUOTA_EXCEEDED", message: "Full." }),
    ],
    [
      "a permission that lacked",
      ({ fake }) => fake.faults.plan({ call: CALL, nth: 1, kind: "denied" }),
    ],
    [
      "a range that another instance had",
      ({ fake }) => fake.change({ kind: "add-foreign-alias", instance: other, alias: ours }),
    ],
  ])("%s", async (_, refuse) => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    refuse(node);
    await expect(node.init()).rejects.toMatchObject({ code: expect.stringMatching(/^cloud-/) });
    expect(isRefused(node)).toBe(true);
    node.fake.change({ kind: "remove-foreign-alias", instance: other, alias: ours });
    await addByHand(node);
    expect(node.aliases()).toEqual([podRange, SUBNET]);
    expect(node.fake.audit()).toMatchObject({ foreignLost: [] });
  });
});

describe("a doubt stays one", () => {
  it.each<[string, (node: TestNode) => void]>([
    [
      "the answers were lost",
      ({ fake }) => fake.faults.plan({ call: CALL, nth: 1, times: LASTING, kind: "lost-after" }),
    ],
    [
      "one was lost before the refusal",
      ({ fake }) =>
        fake.faults.plan(
          { call: CALL, nth: 1, kind: "hang-after" },
          { call: CALL, nth: 2, times: LASTING, kind: "denied" },
        ),
    ],
    [
      "its operation could not be waited for",
      ({ fake }) =>
        fake.faults.plan({ call: "zoneOperations.wait", nth: 1, times: LASTING, kind: "denied" }),
    ],
  ])("%s: teardown takes the alias that came of it", async (_, refuse) => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    refuse(node);
    await expect(node.init()).rejects.toMatchObject({ code: expect.stringMatching(/^cloud-/) });
    expect(isRefused(node)).toBe(false);
    node.fake.faults.clear();
    await node.teardown();
    expect(node.fake.audit()).toMatchObject(cleanAudit);
  });

  it("that a killed run left is not undone by a later refusal", async () => {
    await using stack = new AsyncDisposableStack();
    const node = await testNode(stack);
    share(node);
    // Its fingerprint is noted: the request may have gone out.
    await expect(node.init(undefined, { kill: { save: 3, when: "after" } })).rejects.toThrow(
      "killed",
    );
    expect(entryOf(provisioningOf(node.pool), STEP)?.notes).toMatchObject({ operation: "" });
    node.fake.faults.plan({ call: CALL, nth: 1, kind: "denied" });
    await expect(node.init()).rejects.toMatchObject({ code: "cloud-denied" });
    expect(isRefused(node)).toBe(false);
  });
});
