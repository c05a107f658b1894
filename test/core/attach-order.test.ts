// ADDs and DELs out of order, and confs that changed in between.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideConfirm, decideDetach } from "#core/detach.ts";
import { Ledger } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import type { Pool } from "#core/range.ts";
import {
  add,
  addressesOf,
  at,
  BOOT,
  commit,
  container,
  leasesOf,
  pool,
  stamp,
} from "./lease-fixtures.ts";

const detach = (ledger: Ledger, network: string, boottime: number) =>
  commit(
    ledger,
    decideDetach(
      ledger,
      { network, containerId: "a", ifname: "eth0", stamp: stamp(boottime, BOOT) },
      at(0),
    ),
  ).released;

test("a DEL whose conf could not be read refuses the ADD that began before it, whatever its network", () => {
  const ledger = new Ledger();
  expect(detach(ledger, "", 2_000)).toEqual([]);
  expect(add(ledger, container("a"), { boottime: 1_000 })).toMatchObject({
    kind: "refused",
    error: { code: "stale-call" },
  });
  expect(add(ledger, container("b"), { boottime: 1_000 }).kind).toBe("attached");
  expect(add(ledger, container("a"), { boottime: 3_000 }).kind).toBe("attached");
});

test("a repeated ADD that comes late does not take the newer one's stamp away: a DEL between the two frees nothing", () => {
  const ledger = new Ledger();
  add(ledger, container("a"), { boottime: 3_000 });
  const [again] = leasesOf(add(ledger, container("a"), { boottime: 1_000 }));
  expect(again?.attachment?.stamp).toEqual(stamp(3_000));
  expect(detach(ledger, "net", 2_000)).toEqual([]);
  expect(detach(ledger, "net", 4_000)).toEqual(["10.9.0.2"]);
});

test("what a conf's own ranges gave without a route is not the answer once the conf names the node's pool", () => {
  const ledger = new Ledger();
  const unrouted: Pool = { ...pool(), name: "ranges of net", routed: false };
  add(ledger, container("a"), { pool: unrouted });
  const [lease] = leasesOf(add(ledger, container("a"), { boottime: 2_000 }));
  expect(lease).toMatchObject({ pool: "node", routed: true });
});

test("a pool under a new name may use what cools under the old one when nothing else is free", () => {
  const ledger = new Ledger();
  const before: Pool = { ...pool(), name: "ranges of before" };
  for (const [index, id] of ["a", "b", "c", "d", "e"].entries())
    add(ledger, container(id, "before"), { pool: before, sticky: `pod-${index}` });
  detach(ledger, "before", 2_000);
  const after: Pool = { ...pool(), name: "ranges of after" };
  expect(addressesOf(add(ledger, container("f", "after"), { pool: after }))).toEqual([
    ip("10.9.0.2"),
  ]);
});

test("an ADD that is answered again after a reboot is unconfirmed until this answer is delivered, too", () => {
  const ledger = new Ledger();
  const before = { netns: "/run/netns/x", stamp: stamp(5_000, "boot-before") };
  const [first] = leasesOf(add(ledger, container("a"), { attachment: before }));
  const key = ownerKey(container("a"));
  const confirm = () =>
    commit(ledger, decideConfirm(ledger, { key, sequences: [first?.sequence ?? -1] }));
  confirm();
  const [again] = leasesOf(add(ledger, container("a")));
  expect(again).toMatchObject({ ip: first?.ip, sequence: first?.sequence, provisional: true });
  confirm();
  expect(
    leasesOf(add(ledger, container("a"), { boottime: 2_000 }))[0]?.provisional,
  ).toBeUndefined();
});
