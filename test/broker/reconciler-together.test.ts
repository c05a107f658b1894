// What one container holds ends together.

import { expect, test } from "vitest";
import { add, container, pool } from "#test/core/lease-fixtures.ts";
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
  expect(state.commits.map((addresses) => addresses.length)).toEqual([2, 2]);
});
