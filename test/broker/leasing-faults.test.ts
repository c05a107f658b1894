// The one writer when routes and commits fail: what was acknowledged stays, what was not is given back.

import { expect, test } from "vitest";
import { decideAttach } from "#core/attach.ts";
import type { RouteChange } from "#core/effects.ts";
import { Ledger } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import { Leasing } from "#broker/leasing.ts";
import { BOOT, container, leasesOf, pool, START, stamp } from "#test/core/lease-fixtures.ts";

type Apply = (changes: readonly RouteChange[]) => readonly (Error | undefined)[];

function writer(
  apply: Apply,
  committed: () => void = () => undefined,
  emit: () => void = () => undefined,
) {
  const ledger = new Ledger();
  const leasing = new Leasing({
    ledger,
    effects: {
      persist: async () => undefined,
      route: async (_cause, changes) => apply(changes),
      reply: async (_cause, send) => send(),
      mirror: async () => "",
      unspool: (_cause, remove) => remove(),
    },
    clock: { now: () => START, boottime: () => 0 },
    bootId: BOOT,
    emit,
    committed,
    trouble: () => undefined,
  });
  const add = (boottime: number) =>
    leasing.submit("ADD", (state, moment) =>
      decideAttach(
        state,
        {
          owner: container("a"),
          attachment: { netns: "/n", stamp: stamp(boottime) },
          pool: pool(),
          requested: [],
          strict: false,
        },
        moment,
      ),
    );
  const idle = () =>
    leasing.submit("SWEEP", () => ({ changes: [], routes: [], events: [], outcome: 0 }));
  return { ledger, add, idle };
}

const refuse = new Error("no buffer space");

test("a repeated ADD in the group whose first route failed keeps the lease that it was told of", async () => {
  let calls = 0;
  const { ledger, add, idle } = writer((changes) =>
    changes.map(({ op }) => (op === "add" && calls++ === 0 ? refuse : undefined)),
  );
  const [first, second] = await Promise.allSettled([add(1), add(2)]);
  expect(first).toMatchObject({ status: "rejected", reason: { code: "route-failed" } });
  await idle();
  const held = ledger.heldBy(ownerKey(container("a")));
  expect(second.status === "fulfilled" && leasesOf(second.value)).toEqual(held);
});

test("a repeated ADD that waits while the first route fails gets a lease of its own", async () => {
  let calls = 0;
  let later: Promise<unknown> = Promise.resolve();
  const { ledger, add, idle } = writer((changes) => {
    if (calls++ > 0) return changes.map(() => undefined);
    later = add(2);
    return changes.map(() => refuse);
  });
  await expect(add(1)).rejects.toMatchObject({ code: "route-failed" });
  const second = leasesOf((await later) as Awaited<ReturnType<typeof add>>);
  await idle();
  expect(ledger.heldBy(ownerKey(container("a")))).toEqual(second);
});

test("a listener that fails after the commit does not undo what is on disk", async () => {
  const { ledger, add } = writer(
    (changes) => changes.map(() => undefined),
    () => {
      throw new Error("no metrics today");
    },
  );
  const outcome = await add(1);
  expect(ledger.heldBy(ownerKey(container("a")))).toEqual(leasesOf(outcome));
});

test("a listener that throws stops neither the command nor those that follow", async () => {
  const { add, idle } = writer(
    (changes) => changes.map(() => undefined),
    () => undefined,
    () => {
      throw new Error("log is gone");
    },
  );
  expect((await add(1)).kind).toBe("attached");
  expect(await idle()).toBe(0);
});
