// A route that the kernel would not change is looked at again soon: memory and kernel may differ where it was.

import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { decideAttach } from "#core/attach.ts";
import { decideDetach } from "#core/detach.ts";
import type { RouteChange } from "#core/effects.ts";
import type { Mirror, RouteTable } from "#core/ports.ts";
import { createParts } from "#broker/parts.ts";
import { resyncRoutes } from "#broker/resync.ts";
import { createTelemetry } from "#broker/telemetry.ts";
import { BOOT, START, container, pool, stamp } from "#test/core/lease-fixtures.ts";
import { openMemoryStore } from "#test/fakes/memory-store.ts";
import { fakeRouteTable } from "#test/fakes/route-table.ts";
import { emptySpool } from "#test/fakes/empty-spool.ts";

function broker() {
  const kernel = fakeRouteTable();
  const refused = new Set<RouteChange["op"]>();
  const routes: RouteTable = {
    ...kernel,
    apply: async (changes) =>
      refused.size === 0
        ? kernel.apply(changes)
        : changes.map(({ op }) => (refused.has(op) ? new Error("no buffer space") : undefined)),
  };
  const mirror: Mirror = { read: async () => undefined, digest: () => "", write: async () => "" };
  const spool = emptySpool();
  const destination = new Writable({ write: (_chunk, _encoding, done) => done() });
  const parts = createParts({
    store: openMemoryStore(),
    routes,
    mirror,
    spool,
    clock: { now: () => START, boottime: () => 0 },
    bootId: BOOT,
    pool: pool(),
    telemetry: createTelemetry({ level: "error", now: () => START, destination }),
    readText: async () => "",
    serving: () => true,
    decorate: undefined,
  });
  let due = 0;
  parts.onDisagreement(() => (due += 1));
  const { leasing, ledger } = parts;
  const add = () =>
    leasing.submit("ADD", (state, moment) => {
      const attachment = { netns: "/n", stamp: stamp(1) };
      const request = { owner: container("a"), attachment, pool: pool(), requested: [] };
      return decideAttach(state, { ...request, strict: false }, moment);
    });
  const del = () =>
    leasing.submit("DEL", (state, moment) =>
      decideDetach(state, { ...container("a"), stamp: stamp(2) }, moment),
    );
  return { add, del, refused, kernel, due: () => due, resync: () => resyncRoutes(ledger, routes) };
}

test("a route that could not be removed does not wait for the hourly look", async () => {
  const { add, del, refused, kernel, due, resync } = broker();
  await add();
  expect(due()).toBe(0);
  refused.add("delete");
  await del();
  expect([due(), kernel.lines().length]).toEqual([1, 1]);
  refused.clear();
  await resync();
  expect(kernel.lines()).toEqual([]);
});

test("nor does one that could not be added", async () => {
  const { add, refused, due } = broker();
  refused.add("add");
  await expect(add()).rejects.toMatchObject({ code: "route-failed" });
  expect(due()).toBe(1);
});
