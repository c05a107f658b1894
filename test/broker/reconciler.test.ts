// Leases end on evidence that lasted, only while they are what was judged, and one unreadable namespace stops nobody.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideDetach } from "#core/detach.ts";
import { decideRecover } from "#core/intake.ts";
import type { Ledger } from "#core/ledger.ts";
import { FOUND_GRACE, GONE_GRACE, PROVISIONAL_GRACE, SECOND_LOOK } from "#core/limits.ts";
import { ANSWER_LAG } from "#broker/reconciler.ts";
import { diffRoutes } from "#broker/resync.ts";
import {
  add,
  addressesOf,
  at,
  commit,
  container,
  mac,
  pool,
  stamp,
  START,
} from "#test/core/lease-fixtures.ts";
import { type World, confirm, world } from "./reconciler-world.ts";

const identity = { dev: "4", ino: "4026532281" };
const netns = "/run/netns/x";

test("an unconfirmed lease whose namespace is gone twice is freed", async () => {
  const state = world();
  add(state.ledger, container("a"));
  const due = await state.pass();
  expect(state.holds(container("a"))).toBe(true);
  expect(due).toBe(state.now + SECOND_LOOK);
  await state.pass(SECOND_LOOK - 1);
  expect(state.holds(container("a"))).toBe(true);
  await state.pass(1);
  expect(state.holds(container("a"))).toBe(false);
  expect(state.events).toContainEqual(
    expect.objectContaining({ event: "lease.orphaned", finding: "namespace-gone", sequence: 1 }),
  );
});

test("an unconfirmed lease is kept for its grace, however often its namespace is missed", async () => {
  const state = world();
  state.now = START;
  add(state.ledger, container("a"));
  for (let passed = 0; passed + SECOND_LOOK < PROVISIONAL_GRACE; passed += SECOND_LOOK) {
    await state.pass(SECOND_LOOK);
    expect(state.holds(container("a"))).toBe(true);
  }
  await state.pass(SECOND_LOOK);
  expect(state.holds(container("a"))).toBe(false);
});

test("a confirmed lease of this boot whose container is gone is freed without any DEL", async () => {
  const state = world();
  add(state.ledger, container("a"));
  confirm(state.ledger, container("a"));
  await state.pass();
  await state.pass(SECOND_LOOK);
  expect(state.holds(container("a"))).toBe(true);
  await state.pass(GONE_GRACE);
  expect(state.holds(container("a"))).toBe(false);
  expect(state.ledger.lease(ip("10.9.0.2"))?.state).toBe("cooling");
});

test("evidence that comes back begins the grace anew", async () => {
  const state = world();
  add(state.ledger, container("a"));
  confirm(state.ledger, container("a"));
  await state.pass();
  state.look = () => "present";
  await state.pass(GONE_GRACE);
  state.look = () => "absent";
  await state.pass(GONE_GRACE);
  expect(state.holds(container("a"))).toBe(true);
});

test("path and inode alone are no evidence: without a link into the namespace it is another one", async () => {
  const state = world();
  add(state.ledger, container("a"), { attachment: { netns, identity, stamp: stamp(1_000) } });
  confirm(state.ledger, container("a"));
  state.look = () => "unlinked";
  await state.settle();
  expect(state.holds(container("a"))).toBe(false);
  expect(state.events).toContainEqual(expect.objectContaining({ finding: "namespace-reused" }));
});

test("a namespace that a newer container was given does not keep the older one's address", async () => {
  const state = world();
  for (const [id, boottime] of [
    ["older", 1_000],
    ["newer", 2_000],
  ] as const) {
    add(state.ledger, container(id), { attachment: { netns, identity, stamp: stamp(boottime) } });
    confirm(state.ledger, container(id));
  }
  state.look = () => "present";
  await state.settle();
  expect(state.holds(container("older"))).toBe(false);
  expect(state.holds(container("newer"))).toBe(true);
});

test("where no route of ours leads, no link of ours is asked for", async () => {
  const state = world();
  add(state.ledger, container("a"), { pool: { ...pool(), routed: false } });
  state.look = () => "unlinked";
  await state.settle();
  expect(state.holds(container("a"))).toBe(true);
});

test.each([
  ["a process lives with", "namespace"],
  ["somebody on the bridge answers for", "neighbour"],
])("an address that %s is kept, though its namespace's file is gone", async (_how, evidence) => {
  const state = world();
  add(state.ledger, container("a"));
  state.seen = [{ ip: ip("10.9.0.2"), evidence }];
  await state.settle();
  expect(state.holds(container("a"))).toBe(true);
});

test("a neighbour counts as life only if it answered after it was asked", async () => {
  for (const [age, kept] of [
    [GONE_GRACE + ANSWER_LAG, true],
    [GONE_GRACE + ANSWER_LAG + 1, false],
    [GONE_GRACE + 60_000, false],
  ] as const) {
    const state = world();
    add(state.ledger, container("a"));
    confirm(state.ledger, container("a"));
    state.seen = [{ ip: ip("10.9.0.2"), evidence: "neighbour", age: 10 }];
    await state.pass();
    expect([...state.asked]).toEqual(["10.9.0.2"]);
    state.seen = [{ ip: ip("10.9.0.2"), evidence: "neighbour", age }];
    await state.pass(GONE_GRACE);
    expect(state.holds(container("a"))).toBe(kept);
  }
});

test("our own route is no evidence, and who does not answer is asked", async () => {
  const state = world();
  add(state.ledger, container("a"));
  state.seen = [{ ip: ip("10.9.0.2"), evidence: "route" }];
  await state.settle();
  expect(state.holds(container("a"))).toBe(false);
  expect([...state.asked]).toEqual(["10.9.0.2"]);
});

const sandbox = (state: World, id: string, boottime: number, podUid = "uid-1") =>
  add(state.ledger, container(id), {
    attachment: { netns: `/run/netns/${id}`, stamp: stamp(boottime), podUid },
  });

test("an older sandbox of the same pod is released when the newer one is up, and only then", async () => {
  const state = world();
  sandbox(state, "older", 1_000);
  confirm(state.ledger, container("older"));
  sandbox(state, "newer", 2_000);
  sandbox(state, "stranger", 500, "uid-2");
  confirm(state.ledger, container("stranger"));
  state.look = () => "present";
  await state.settle();
  expect(state.holds(container("older"))).toBe(true);
  confirm(state.ledger, container("newer"));
  await state.settle();
  expect(state.holds(container("older"))).toBe(false);
  expect(state.holds(container("newer"))).toBe(true);
  expect(state.holds(container("stranger"))).toBe(true);
  expect(state.events).toContainEqual(expect.objectContaining({ finding: "superseded" }));
});

test("a newer sandbox that is gone itself takes nothing from the older one", async () => {
  const state = world();
  for (const [id, boottime] of [
    ["older", 1_000],
    ["newer", 2_000],
  ] as const) {
    sandbox(state, id, boottime);
    confirm(state.ledger, container(id));
  }
  state.look = (attachment) => (attachment.netns.endsWith("newer") ? "absent" : "present");
  await state.settle();
  expect(state.holds(container("older"))).toBe(true);
  expect(state.holds(container("newer"))).toBe(false);
});

test("pods of the same name are never taken for one another", async () => {
  const state = world();
  for (const [id, boottime] of [
    ["older", 1_000],
    ["newer", 2_000],
  ] as const) {
    const pod = { podNamespace: "default", podName: "web-0", podUid: `uid-${id}` };
    add(state.ledger, container(id), {
      attachment: { netns: `/run/netns/${id}`, stamp: stamp(boottime), ...pod },
      sticky: "default/web-0",
    });
    confirm(state.ledger, container(id));
  }
  state.look = () => "present";
  await state.settle();
  expect(state.holds(container("older"))).toBe(true);
  expect(state.holds(container("newer"))).toBe(true);
});

test("a lease that was answered again or confirmed while it was judged is left alone", async () => {
  const again = (ledger: Ledger) =>
    void add(ledger, container("a"), {
      attachment: { netns: "/run/netns/new", stamp: stamp(9_000) },
    });
  const confirmed = (ledger: Ledger) => confirm(ledger, container("a"));
  for (const meanwhile of [again, confirmed]) {
    const state = world();
    add(state.ledger, container("a"));
    await state.pass();
    state.look = () => {
      meanwhile(state.ledger);
      return "absent";
    };
    await state.pass(GONE_GRACE);
    expect(state.holds(container("a"))).toBe(true);
  }
});

test("an address that was given to another holder meanwhile is not taken from it", async () => {
  const state = world();
  const one = { pool: pool("10.9.0.0/30") };
  const [address] = addressesOf(add(state.ledger, container("a"), one));
  await state.pass();
  state.look = () => {
    commit(
      state.ledger,
      decideDetach(state.ledger, { ...container("a"), stamp: stamp(5_000) }, at(0)),
    );
    add(state.ledger, container("b"), { ...one, boottime: 6_000 });
    return "absent";
  };
  await state.pass(GONE_GRACE);
  expect(state.ledger.lease(address ?? ip("::"))).toMatchObject({
    state: "leased",
    owner: { containerId: "b" },
  });
});

test("a namespace that cannot be looked at is reported, and the others are still judged", async () => {
  const state = world();
  const attachment = { netns: "/unreadable", stamp: stamp(1_000) };
  add(state.ledger, container("a"), { attachment });
  add(state.ledger, container("b"));
  state.look = ({ netns: path }) => {
    if (path === "/unreadable") throw new Error("ENAMETOOLONG");
    return "absent";
  };
  await state.settle();
  expect(state.holds(container("a"))).toBe(true);
  expect(state.holds(container("b"))).toBe(false);
  expect(state.troubles).toContainEqual(expect.stringContaining("ENAMETOOLONG"));
});

test("no namespace survives a reboot: one that looks the same is another's", async () => {
  const state = world();
  add(state.ledger, container("a"), {
    attachment: { netns, stamp: stamp(1_000, "boot-before") },
  });
  state.look = () => "present";
  await state.settle();
  expect(state.holds(container("a"))).toBe(false);
});

test("an address that was only seen in use is freed in the end: our own neighbour entry is no sign of life", async () => {
  const state = world();
  const seen = [{ ip: ip("10.9.0.3"), mac: mac(3), evidence: "neighbour" }];
  commit(state.ledger, decideRecover(state.ledger, pool(), seen, at(0)));
  expect(diffRoutes(state.ledger, [])).toEqual([{ op: "add", ip: "10.9.0.3" }]);
  await state.settle();
  expect(state.ledger.lease(ip("10.9.0.3"))?.state).toBe("leased");
  state.now = START + FOUND_GRACE;
  await state.settle();
  expect(state.ledger.lease(ip("10.9.0.3"))?.state).toBe("cooling");
});

test("one look reaches every lease, however many there are, and reads the evidence afresh on the way", async () => {
  const state = world();
  const large = pool("10.16.0.0/18");
  const count = 5_000;
  for (let index = 0; index < count; index++)
    add(state.ledger, container(`c${index}`), { pool: large });
  await state.settle();
  expect(state.ledger.count(large.name, "leased")).toBe(0);
  expect(state.ledger.count(large.name, "cooling")).toBe(count);
  expect(state.scans.filter((only) => only === "namespace").length).toBeGreaterThan(3);
});

test("guests are not judged, and without a container nothing is read at all", async () => {
  const state = world();
  await state.pass();
  expect(state.scans).toEqual([]);
});
