// What people see of the ledger: each address once, in the state that counts.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideDetach } from "#core/detach.ts";
import { offerAddress } from "#core/guest.ts";
import { decideRecover } from "#core/intake.ts";
import { Ledger } from "#core/ledger.ts";
import { addressView, leaseViews, poolView } from "#broker/views.ts";
import { START, add, at, commit, container, mac, pool, stamp } from "#test/core/lease-fixtures.ts";

const node = pool();
const rows = (ledger: Ledger) =>
  [...leaseViews(ledger, node)].map((row) => `${row.ip} ${row.state} ${row.owner}`).toSorted();

test("an address that is offered while it cools is listed and counted once, as offered", () => {
  const ledger = new Ledger();
  for (const id of ["a", "b", "c", "d", "e"]) add(ledger, container(id));
  for (const id of ["a", "b"])
    commit(ledger, decideDetach(ledger, { ...container(id), stamp: stamp(2_000) }, at(0)));
  offerAddress(ledger, node, mac(1), undefined, START);
  expect(rows(ledger)).toEqual([
    `10.9.0.2 offered guest ${mac(1)}`,
    "10.9.0.3 cooling container b eth0 (net)",
    ...["c", "d", "e"].map((id, index) => `10.9.0.${index + 4} leased container ${id} eth0 (net)`),
  ]);
  expect(addressView(ledger, node, ip("10.9.0.2")).lease?.state).toBe("offered");
  const counts = { size: 5, free: 0, leased: 3, offered: 1, cooling: 1, quarantined: 0 };
  expect(poolView(ledger, node)).toMatchObject(counts);
});

test("one that is offered to the guest that was seen with it is listed as held", () => {
  const ledger = new Ledger();
  const seen = [{ ip: ip("10.9.0.4"), mac: mac(1), evidence: "neighbour" }];
  commit(ledger, decideRecover(ledger, node, seen, at(0)));
  expect(offerAddress(ledger, node, mac(1), ip("10.9.0.4"), START)).toMatchObject({
    ip: "10.9.0.4",
  });
  expect(rows(ledger)).toEqual(["10.9.0.4 leased unknown owner (seen by neighbour)"]);
  expect(addressView(ledger, node, ip("10.9.0.4")).lease?.state).toBe("leased");
  expect(poolView(ledger, node)).toMatchObject({ free: 4, leased: 1, offered: 0 });
});
