// What one container holds ends together, and many containers share a commit.

import { expect, test } from "vitest";
import { add, addressesOf, container, pool } from "#test/core/lease-fixtures.ts";
import { confirm, world } from "./reconciler-world.ts";

test("all addresses of a container leave in one commit: a kill leaves no half of it", async () => {
  const state = world();
  const both = { ...pool(), sets: [...pool().sets, ...pool("10.9.1.0/29").sets] };
  for (const id of ["a", "b"]) {
    add(state.ledger, container(id), { pool: both });
    confirm(state.ledger, container(id));
  }
  await state.settle();
  expect(state.holds(container("a"))).toBe(false);
  expect(state.commits.map((addresses) => addresses.length)).toEqual([4]);
});

test("thousands that died without a DEL end in few commits, each container in one of them", async () => {
  const state = world();
  const both = { ...pool(), sets: [...pool("10.9.0.0/21").sets, ...pool("10.8.0.0/21").sets] };
  const ids = Array.from({ length: 2_000 }, (_, index) => `c${index}`);
  const holderOf = new Map<string, string>();
  for (const id of ids) {
    for (const ip of addressesOf(add(state.ledger, container(id), { pool: both })))
      holderOf.set(ip, id);
    confirm(state.ledger, container(id));
  }
  await state.settle();
  expect(ids.filter((id) => state.holds(container(id)))).toEqual([]);
  expect(state.commits.length).toBeLessThanOrEqual(ids.length / 100);
  const endings = state.commits.map((commit) => new Set(commit.map((ip) => holderOf.get(ip))));
  expect(endings.reduce((sum, holders) => sum + holders.size, 0)).toBe(ids.length);
});
