// A commit that fails leaves the order of the cooling addresses as it was: the oldest is still given first.

import { expect, test } from "vitest";
import { decideAttach } from "#core/attach.ts";
import { decideDetach } from "#core/detach.ts";
import { Ledger } from "#core/ledger.ts";
import { add, at, commit, container, leasesOf, pool, stamp } from "./lease-fixtures.ts";

const POOL = 5;

test("an address that was taken out of its cooling by a failed commit is still the oldest", () => {
  const ledger = new Ledger();
  const owners = Array.from({ length: POOL }, (_, index) => container(`c${index}`));
  for (const owner of owners) add(ledger, owner);
  for (const [index, owner] of owners.entries()) {
    const request = { ...owner, stamp: stamp(2_000) };
    commit(ledger, decideDetach(ledger, request, at(1_000 * (index + 1))));
  }
  const order = [...ledger.cooling()].map(({ ip }) => ip);
  const inverses = ["lost-1", "lost-2"].map((id) => {
    const request = {
      owner: container(id),
      attachment: { netns: "/run/netns/x", stamp: stamp(3_000) },
      pool: pool(),
      requested: [],
      strict: false,
    };
    return ledger.apply(decideAttach(ledger, request, at(10_000)).changes);
  });
  ledger.undo(inverses);
  expect([...ledger.cooling()].map(({ ip }) => ip)).toEqual(order);
  const [next] = leasesOf(add(ledger, container("next"), { moment: at(11_000) }));
  expect(next?.ip).toBe(order[0]);
});
