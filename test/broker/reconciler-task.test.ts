// When the reconciler looks: at start, when it is woken, when evidence has lasted, once an hour, and never otherwise.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { GONE_GRACE, PROVISIONAL_GRACE, SECOND_LOOK } from "#core/limits.ts";
import { HOUR, MINUTE, SECOND } from "#core/time.ts";
import { START, add, container } from "#test/core/lease-fixtures.ts";
import { type World, confirm, world } from "./reconciler-world.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => vi.useRealTimers());

const STEP = 5 * SECOND;

/** A task at work, in a world whose clock goes with the timers. */
function running(state: World) {
  const stop = new AbortController();
  const done = state.reconciler.run(stop.signal);
  return {
    async pass(time: number) {
      for (let passed = 0; passed < time; passed += STEP) {
        state.now += STEP;
        await vi.advanceTimersByTimeAsync(STEP);
      }
    },
    looks: () => state.scans.filter((only) => only === "namespace").length,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await vi.advanceTimersByTimeAsync(HOUR);
      await done;
    },
  };
}

test("without a change it looks at start and once an hour", async () => {
  const state = world();
  add(state.ledger, container("a"));
  confirm(state.ledger, container("a"));
  state.look = () => "present";
  await using task = running(state);
  await task.pass(MINUTE);
  expect(task.looks()).toBe(1);
  await task.pass(50 * MINUTE);
  expect(task.looks()).toBe(1);
  await task.pass(10 * MINUTE);
  expect(task.looks()).toBe(2);
});

test("changes wake it, and many of them are one", async () => {
  const state = world();
  add(state.ledger, container("a"));
  confirm(state.ledger, container("a"));
  state.look = () => "present";
  await using task = running(state);
  await task.pass(MINUTE);
  for (let change = 0; change < 100; change++) state.reconciler.touch();
  await task.pass(MINUTE);
  expect(task.looks()).toBe(2);
});

test("a look that took long does not keep a change waiting for minutes", async () => {
  const state = world();
  add(state.ledger, container("a"));
  confirm(state.ledger, container("a"));
  state.look = () => "present";
  state.slowness = 20 * SECOND;
  await using task = running(state);
  await task.pass(MINUTE);
  expect(task.looks()).toBe(1);
  state.reconciler.touch();
  await task.pass(MINUTE);
  expect(task.looks()).toBe(2);
});

test("once something speaks against a lease it looks again by itself, and then the lease ends", async () => {
  const state = world();
  add(state.ledger, container("a"));
  confirm(state.ledger, container("a"));
  await using task = running(state);
  await task.pass(GONE_GRACE);
  expect(state.holds(container("a"))).toBe(true);
  await task.pass(SECOND_LOOK);
  expect(state.holds(container("a"))).toBe(false);
  const looks = task.looks();
  await task.pass(50 * MINUTE);
  expect(task.looks()).toBe(looks);
});

test("an unconfirmed lease is looked at when its grace is over, though nothing in the kernel changed", async () => {
  const state = world();
  state.now = START;
  await using task = running(state);
  await task.pass(MINUTE);
  add(state.ledger, container("a"), { moment: { now: state.now, bootId: "boot-now" } });
  await task.pass(PROVISIONAL_GRACE);
  expect(state.holds(container("a"))).toBe(true);
  await task.pass(3 * SECOND_LOOK);
  expect(state.holds(container("a"))).toBe(false);
});

test("an unconfirmed lease whose container lives is not looked at again and again", async () => {
  const state = world();
  state.look = () => "present";
  add(state.ledger, container("a"));
  await using task = running(state);
  await task.pass(50 * MINUTE);
  expect(task.looks()).toBeLessThanOrEqual(2);
});
