// Offers are made while a commit is on its way: when it fails, what was offered may have its holder back.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideDetach } from "#core/detach.ts";
import { decideBind, decideDecline, offerAddress } from "#core/guest.ts";
import { decideRecover } from "#core/intake.ts";
import { Ledger } from "#core/ledger.ts";
import { parseRange } from "#core/range.ts";
import { add, at, commit, container, mac, pool, stamp } from "./lease-fixtures.ts";

const bind = (ledger: Ledger, guest: number, address: string) =>
  commit(
    ledger,
    decideBind(
      ledger,
      pool(),
      { mac: mac(guest), ip: ip(address), mode: "selecting", seconds: 60 },
      at(0),
    ),
  ).kind;
const offer = (ledger: Ledger, guest: number) =>
  offerAddress(ledger, pool(), mac(guest), undefined, at(0).now);

test("an address that was offered while its release was not yet durable stays with its holder when the commit fails", () => {
  const ledger = new Ledger();
  for (const id of ["a", "b", "c", "d", "e"]) add(ledger, container(id));
  const release = { network: "net", containerId: "a", ifname: "eth0", stamp: stamp(2_000) };
  const undo = ledger.apply(decideDetach(ledger, release, at(0)).changes);
  expect(offer(ledger, 1)).toMatchObject({ kind: "offer", ip: "10.9.0.2" });
  ledger.apply(undo);
  expect(bind(ledger, 1, "10.9.0.2")).toBe("refused");
  expect(offer(ledger, 1)).toEqual({ kind: "exhausted" });
  expect(ledger.lease(ip("10.9.0.2"))?.owner).toEqual(container("a"));
});

test("a DECLINE on the strength of such an offer takes nothing from the holder who came back", () => {
  const ledger = new Ledger();
  for (const id of ["a", "b", "c", "d", "e"]) add(ledger, container(id));
  const release = { network: "net", containerId: "a", ifname: "eth0", stamp: stamp(2_000) };
  const undo = ledger.apply(decideDetach(ledger, release, at(0)).changes);
  expect(offer(ledger, 1)).toMatchObject({ ip: "10.9.0.2" });
  ledger.apply(undo);
  const before = ledger.lease(ip("10.9.0.2"));
  const declined = decideDecline(ledger, pool(), mac(1), ip("10.9.0.2"), at(0));
  expect(commit(ledger, declined)).toEqual({ quarantined: false });
  expect(ledger.lease(ip("10.9.0.2"))).toBe(before);
});

test("a DECLINE of an offered address that still cools puts it into quarantine", () => {
  const ledger = new Ledger();
  for (const id of ["a", "b", "c", "d", "e"]) add(ledger, container(id));
  const release = { network: "net", containerId: "a", ifname: "eth0", stamp: stamp(2_000) };
  commit(ledger, decideDetach(ledger, release, at(0)));
  offer(ledger, 1);
  commit(ledger, decideDecline(ledger, pool(), mac(1), ip("10.9.0.2"), at(0)));
  expect(ledger.lease(ip("10.9.0.2"))?.state).toBe("quarantined");
});

test("an address that its guest declined is not bound again on the strength of the offer (X1, Q16)", () => {
  const ledger = new Ledger();
  offer(ledger, 1);
  commit(ledger, decideDecline(ledger, pool(), mac(1), ip("10.9.0.2"), at(0)));
  expect(bind(ledger, 1, "10.9.0.2")).toBe("refused");
  expect(offer(ledger, 1)).toMatchObject({ ip: "10.9.0.3" });
});

test("a container's MAC is offered only what its bridge can carry: no IPv6, no other network's address", () => {
  const ranges = ["2001:db8::/64", "10.77.0.0/24"].map((subnet) => parseRange({ subnet }));
  const sets = ranges.flatMap((range) => (typeof range === "string" ? [] : [[range]]));
  const elsewhere = { name: "ranges of net", sets, routed: false };
  const ledger = new Ledger();
  add(ledger, container("a"), { pool: elsewhere, mac: mac(1) });
  expect(offer(ledger, 1)).toMatchObject({ ip: "10.9.0.2" });
  expect(bind(ledger, 1, "10.9.0.2")).toBe("bound");
});

test("a guest whose address was only seen in use is offered it again when it asks for it", () => {
  const ledger = new Ledger();
  const seen = [{ ip: ip("10.9.0.4"), mac: mac(1), evidence: "neighbour" }];
  commit(ledger, decideRecover(ledger, pool(), seen, at(0)));
  const ask = (guest: number) =>
    offerAddress(ledger, pool(), mac(guest), ip("10.9.0.4"), at(0).now);
  expect(ask(2)).not.toMatchObject({ ip: "10.9.0.4" });
  expect(ask(1)).toMatchObject({ ip: "10.9.0.4" });
  expect(bind(ledger, 1, "10.9.0.4")).toBe("bound");
});
