// What time ends, ends once: also when the disk was full at first, and is then tried again after a rest.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { decideDetach } from "#core/detach.ts";
import type { BusinessEvent } from "#core/events.ts";
import { Ledger } from "#core/ledger.ts";
import { COOLING_TIME } from "#core/limits.ts";
import { MINUTE, SECOND } from "#core/time.ts";
import { Leasing } from "#broker/leasing.ts";
import { createSweeper } from "#broker/sweeper.ts";
import { BOOT, START, add, at, commit, container, stamp } from "#test/core/lease-fixtures.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => vi.useRealTimers());

/** A minute in which everything that needs no timer happens in its second. */
async function aMinute(): Promise<void> {
  for (let passed = 0; passed < MINUTE; passed += SECOND) {
    await vi.advanceTimersByTimeAsync(SECOND);
    for (let turn = 0; turn < 4; turn += 1) await new Promise((done) => setImmediate(done));
  }
}

test("ends that could not be made are tried again, more rarely, and told once", async () => {
  const ledger = new Ledger();
  const events: BusinessEvent[] = [];
  let tries = 0;
  let full = true;
  const leasing = new Leasing({
    ledger,
    effects: {
      persist: async () => {
        tries += 1;
        if (full) throw new Error("no space left on device");
      },
      route: async (_cause, changes) => changes.map(() => undefined),
      reply: async (_cause, send) => send(),
      mirror: async () => "",
      unspool: (_cause, remove) => remove(),
    },
    clock: { now: () => START + COOLING_TIME, boottime: () => 0 },
    bootId: BOOT,
    emit: (event) => void events.push(event),
    committed: () => undefined,
    trouble: () => undefined,
  });
  for (const id of ["a", "b"]) {
    add(ledger, container(id));
    commit(ledger, decideDetach(ledger, { ...container(id), stamp: stamp(2_000) }, at(0)));
  }
  const stop = new AbortController();
  const done = createSweeper(leasing).run(stop.signal);
  await aMinute();
  expect(tries).toBeGreaterThan(1);
  expect(tries).toBeLessThanOrEqual(MINUTE / (5 * SECOND) + 1);
  expect(events).toEqual([]);
  full = false;
  await aMinute();
  expect(events.map(({ event }) => event)).toEqual(["lease.freed", "lease.freed"]);
  expect([...ledger.leases()]).toEqual([]);
  stop.abort();
  await done;
});
