// Leases end on negative evidence only while they are what was judged, and one unreadable namespace stops nobody.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideConfirm } from "#core/detach.ts";
import { decideRecover } from "#core/intake.ts";
import type { Sighting } from "#core/intake.ts";
import { Ledger } from "#core/ledger.ts";
import { type Attachment, ownerKey } from "#core/lease.ts";
import { FOUND_GRACE, PROVISIONAL_GRACE } from "#core/limits.ts";
import { Leasing } from "#broker/leasing.ts";
import { createReconciler } from "#broker/reconciler.ts";
import { diffRoutes } from "#broker/resync.ts";
import {
  add,
  at,
  BOOT,
  commit,
  container,
  mac,
  pool,
  stamp,
  START,
} from "#test/core/lease-fixtures.ts";

interface World {
  readonly ledger: Ledger;
  now: number;
  look: (attachment: Attachment) => "present" | "absent";
  seen: readonly Sighting[];
  readonly troubles: string[];
  /** One pass of the reconciler. */
  pass(): Promise<void>;
}

function world(): World {
  const ledger = new Ledger();
  const troubles: string[] = [];
  const leasing = new Leasing({
    ledger,
    effects: {
      persist: async () => undefined,
      route: async (_cause, changes) => changes.map(() => undefined),
      reply: async (_cause, send) => send(),
      mirror: async () => "",
      unspool: (_cause, remove) => remove(),
    },
    clock: { now: () => state.now, boottime: () => 0 },
    bootId: BOOT,
    emit: () => undefined,
    committed: () => undefined,
    trouble: () => undefined,
  });
  const task = createReconciler({
    leasing,
    evidence: {
      attachment: async (attachment) => state.look(attachment),
      scan: async () => state.seen,
    },
    period: 60_000,
    trouble: (_what, error) => troubles.push(error.message),
  });
  const state: World = {
    ledger,
    now: START + PROVISIONAL_GRACE,
    look: () => "absent",
    seen: [],
    troubles,
    async pass() {
      const stop = new AbortController();
      setImmediate(() => stop.abort());
      await task.run(stop.signal);
    },
  };
  return state;
}

test("an unconfirmed lease whose namespace is gone twice is freed", async () => {
  const state = world();
  add(state.ledger, container("a"));
  await state.pass();
  expect(state.ledger.heldBy(ownerKey(container("a")))).toHaveLength(1);
  await state.pass();
  expect(state.ledger.heldBy(ownerKey(container("a")))).toEqual([]);
});

test("an address that a process lives with is kept, though its namespace's file is out of sight", async () => {
  const state = world();
  add(state.ledger, container("a"));
  state.seen = [{ ip: ip("10.9.0.2"), evidence: "namespace" }];
  await state.pass();
  await state.pass();
  expect(state.ledger.heldBy(ownerKey(container("a")))).toHaveLength(1);
});

test("a lease that was answered again or confirmed while it was judged is left alone", async () => {
  const again = (ledger: Ledger) =>
    void add(ledger, container("a"), {
      attachment: { netns: "/run/netns/new", stamp: stamp(9_000) },
    });
  const confirmed = (ledger: Ledger) => {
    const key = ownerKey(container("a"));
    const sequences = ledger.heldBy(key).map((lease) => lease.sequence);
    commit(ledger, decideConfirm(ledger, { key, sequences }));
  };
  for (const meanwhile of [again, confirmed]) {
    const state = world();
    add(state.ledger, container("a"));
    await state.pass();
    state.look = () => {
      meanwhile(state.ledger);
      return "absent";
    };
    await state.pass();
    expect(state.ledger.heldBy(ownerKey(container("a")))).toHaveLength(1);
  }
});

test("a namespace that cannot be looked at is reported, and the others are still judged", async () => {
  const state = world();
  const attachment = { netns: "/unreadable", stamp: stamp(1_000) };
  add(state.ledger, container("a"), { attachment });
  add(state.ledger, container("b"));
  state.look = ({ netns }) => {
    if (netns === "/unreadable") throw new Error("ENAMETOOLONG");
    return "absent";
  };
  await state.pass();
  await state.pass();
  expect(state.ledger.heldBy(ownerKey(container("a")))).toHaveLength(1);
  expect(state.ledger.heldBy(ownerKey(container("b")))).toEqual([]);
  expect(state.troubles).toContainEqual(expect.stringContaining("ENAMETOOLONG"));
});

test("no namespace survives a reboot: one that looks the same is another's", async () => {
  const state = world();
  add(state.ledger, container("a"), {
    attachment: { netns: "/run/netns/x", stamp: stamp(1_000, "boot-before") },
  });
  state.look = () => "present";
  await state.pass();
  await state.pass();
  expect(state.ledger.heldBy(ownerKey(container("a")))).toEqual([]);
});

test("an address that was only seen in use is freed in the end: our own neighbour entry is no sign of life", async () => {
  const state = world();
  const seen = [{ ip: ip("10.9.0.3"), mac: mac(3), evidence: "neighbour" }];
  commit(state.ledger, decideRecover(state.ledger, pool(), seen, at(0)));
  expect(diffRoutes(state.ledger, [])).toEqual([{ op: "add", ip: "10.9.0.3" }]);
  state.now = START + FOUND_GRACE;
  await state.pass();
  await state.pass();
  expect(state.ledger.lease(ip("10.9.0.3"))?.state).toBe("cooling");
});
