// After a reboot the containers' addresses of before are given back at once; guests and sticky names keep theirs.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideBind } from "#core/guest.ts";
import { Ledger } from "#core/ledger.ts";
import { STICKY_TIME } from "#core/limits.ts";
import { decideReboot } from "#core/reboot.ts";
import {
  START,
  add,
  addressesOf,
  at,
  commit,
  container,
  mac,
  pool,
  stamp,
} from "./lease-fixtures.ts";

const before = { netns: "/run/netns/x", stamp: stamp(9_000, "boot-before") };
const sticky = "default/web-0 (net eth0)";

/** Containers of the boot before, one of them sticky, one of this boot, one that knew no boot, and a guest. */
function filled(): Ledger {
  const ledger = new Ledger();
  add(ledger, container("old"), { attachment: before });
  add(ledger, container("old-sticky"), { attachment: before, sticky });
  add(ledger, container("new"));
  add(ledger, container("unstamped"), {
    attachment: { netns: "/run/netns/x", stamp: stamp(9_000, "") },
  });
  const request = { mac: mac(7), ip: ip("10.9.0.6"), mode: "selecting", seconds: 86_400 } as const;
  commit(ledger, decideBind(ledger, pool(), request, at(0)));
  return ledger;
}
const stateOf = (ledger: Ledger, address: string) => ledger.lease(ip(address))?.state;

test("every container of an earlier boot is released, and nobody else", () => {
  const ledger = filled();
  const decision = decideReboot(ledger, new Set(), at(0));
  expect(commit(ledger, decision)).toEqual({ released: 2 });
  expect(decision.routes).toEqual([
    { op: "delete", ip: "10.9.0.2" },
    { op: "delete", ip: "10.9.0.3" },
  ]);
  const findings = decision.events.filter(({ event }) => event === "lease.orphaned");
  expect(findings).toMatchObject([{ finding: "earlier-boot" }, { finding: "earlier-boot" }]);
  expect(["2", "3", "4", "5", "6"].map((last) => stateOf(ledger, `10.9.0.${last}`))).toEqual([
    "cooling",
    "cooling",
    "leased",
    "leased",
    "leased",
  ]);
  expect(commit(ledger, decideReboot(ledger, new Set(), at(0)))).toEqual({ released: 0 });
});

test("a sticky address waits for its name, and its pod gets it back", () => {
  const ledger = filled();
  commit(ledger, decideReboot(ledger, new Set(), at(0)));
  expect(ledger.lease(ip("10.9.0.3"))?.until).toBe(START + STICKY_TIME);
  expect(addressesOf(add(ledger, container("again"), { sticky }))).toEqual(["10.9.0.3"]);
});

test("a container that the runtime starts again under its old ID gets an address", () => {
  const ledger = filled();
  commit(ledger, decideReboot(ledger, new Set(), at(0)));
  const again = { netns: "/run/netns/x", stamp: stamp(50) };
  expect(
    addressesOf(add(ledger, container("old"), { attachment: again, strict: true })),
  ).toHaveLength(1);
});

test("an address that a process lives with is left to the reconciler", () => {
  const ledger = filled();
  commit(ledger, decideReboot(ledger, new Set([ip("10.9.0.2")]), at(0)));
  expect(stateOf(ledger, "10.9.0.2")).toBe("leased");
});
