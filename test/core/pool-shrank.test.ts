// An address that the node lost is given to nobody, whoever had it: pool.json is what counts, not what was.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideDetach } from "#core/detach.ts";
import { decideBind, offerAddress } from "#core/guest.ts";
import { Ledger } from "#core/ledger.ts";
import { nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Pool } from "#core/range.ts";
import { DAY } from "#core/time.ts";
import { START, add, addressesOf, at, commit, container, mac, stamp } from "./lease-fixtures.ts";

const LOST = ip("10.9.0.2");

/** The node's pool when the cloud routes these addresses to it. */
function poolOf(...ips: readonly string[]): Pool {
  const subnet = parsePrefix("10.9.0.0/29");
  if (subnet === undefined) throw new Error("bad fixture");
  return nodePool({ subnet, gateway: ip("10.9.0.1"), ips: ips.map(ip) });
}
const before = poolOf("10.9.0.2", "10.9.0.3");
const now = poolOf("10.9.0.3", "10.9.0.4");

test("a container that is asked for again gets one that the node has", () => {
  const ledger = new Ledger();
  expect(addressesOf(add(ledger, container("a"), { pool: before }))).toEqual([LOST]);
  expect(addressesOf(add(ledger, container("a"), { pool: now, boottime: 2_000 }))).toEqual([
    "10.9.0.3",
  ]);
});

test("neither a cooling one nor a sticky one comes back, however full the pool", () => {
  for (const more of [{}, { sticky: "default/web-0 (net eth0)" }]) {
    const ledger = new Ledger();
    add(ledger, container("a"), { pool: before, ...more });
    commit(ledger, decideDetach(ledger, { ...container("a"), stamp: stamp(2_000) }, at(0)));
    const given = ["b", "c"].flatMap((id) =>
      addressesOf(add(ledger, container(id), { pool: now, boottime: 3_000, ...more })),
    );
    expect(given.toSorted()).toEqual(["10.9.0.3", "10.9.0.4"]);
    expect(add(ledger, container("d"), { pool: now, boottime: 3_000 }).kind).toBe("refused");
  }
});

test("a guest's renewal of it is refused, and its next question is answered with another", () => {
  const ledger = new Ledger();
  const request = { mac: mac(1), ip: LOST, seconds: 86_400 };
  commit(ledger, decideBind(ledger, before, { ...request, mode: "selecting" }, at(0)));
  for (const mode of ["renewing", "rebinding", "init-reboot", "selecting"] as const)
    expect(decideBind(ledger, now, { ...request, mode }, at(DAY / 2)).outcome).toMatchObject({
      kind: "refused",
    });
  const offer = offerAddress(ledger, now, mac(1), LOST, START + DAY / 2);
  expect(offer).toMatchObject({ kind: "offer" });
  expect(offer).not.toMatchObject({ ip: LOST });
});
