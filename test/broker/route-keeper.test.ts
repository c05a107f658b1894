// Routes that are lost while the keeper rests from a long resync come back soon, however long that resync took.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Ledger } from "#core/ledger.ts";
import { createRouteKeeper } from "#broker/route-keeper.ts";
import { add, container } from "#test/core/lease-fixtures.ts";
import { fakeRouteTable } from "#test/fakes/route-table.ts";

/** Spec section 3: drift is repaired within this, in milliseconds. */
const REPAIR_LIMIT = 15_000;

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => vi.useRealTimers());

test.each([10, 2_000, 8_000])("after a resync of %i ms", async (lasting) => {
  const ledger = new Ledger();
  add(ledger, container("a"));
  const routes = fakeRouteTable();
  const list = async () => {
    const standing = await routes.list();
    await new Promise((resolve) => setTimeout(resolve, lasting));
    return standing;
  };
  const keeper = createRouteKeeper({
    ledger,
    routes: { ...routes, list },
    inspection: { neighbours: async () => [] },
    resynced: () => undefined,
    trouble: () => undefined,
  });
  const stop = new AbortController();
  const done = keeper.run(stop.signal);
  await vi.advanceTimersByTimeAsync(lasting);
  expect(routes.lines()).toHaveLength(1);
  // The bridge is deleted and made anew as soon as its routes stood.
  keeper.touch();
  routes.setBridge(false);
  routes.setBridge(true);
  await vi.advanceTimersByTimeAsync(REPAIR_LIMIT);
  expect(routes.lines()).toHaveLength(1);
  stop.abort();
  await vi.advanceTimersByTimeAsync(REPAIR_LIMIT);
  await done;
});
