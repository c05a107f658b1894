// DHCP's side of the ledger: offers, binds, releases, declines, and the import of the Go version's leases.

import { describe, expect, test } from "vitest";
import { type Ip, ip } from "#core/address.ts";
import {
  type BindMode,
  decideBind,
  decideDecline,
  decideGuestRelease,
  offerAddress,
} from "#core/guest.ts";
import { decideImport, decideRecover } from "#core/intake.ts";
import { guestKey, Ledger } from "#core/ledger.ts";
import { COOLING_TIME, FAR_EXPIRY, OFFER_HOLD, OFFER_HOLD_SCARCE } from "#core/limits.ts";
import { decideSweep } from "#core/sweep.ts";
import { add, at, commit, container, mac, pool, START } from "./lease-fixtures.ts";

const offered = (ledger: Ledger, guest: number, now = 0, requested?: Ip) => {
  const outcome = offerAddress(ledger, pool(), mac(guest), requested, at(now).now);
  return outcome.kind === "offer" ? outcome.ip : outcome.kind;
};
const bind = (
  ledger: Ledger,
  guest: number,
  address: string,
  options: { mode?: BindMode; now?: number; seconds?: number } = {},
) =>
  commit(
    ledger,
    decideBind(
      ledger,
      pool(),
      {
        mac: mac(guest),
        ip: ip(address),
        mode: options.mode ?? "selecting",
        seconds: options.seconds ?? 3_600,
      },
      at(options.now ?? 0),
    ),
  ).kind;

describe("offers", () => {
  test("are distinct, repeated within the hold and free again after it", () => {
    const ledger = new Ledger();
    expect([1, 2, 1].map((guest) => offered(ledger, guest))).toEqual([
      "10.9.0.2",
      "10.9.0.3",
      "10.9.0.2",
    ]);
    ledger.offers.lapse(START + OFFER_HOLD);
    expect(ledger.isFree(ip("10.9.0.2"))).toBe(true);
  });

  test("follow the guest's lease, its last address, then the one it asks for", () => {
    const ledger = new Ledger();
    bind(ledger, 1, "10.9.0.4");
    expect(offered(ledger, 1, 0, ip("10.9.0.6"))).toBe("10.9.0.4");
    commit(ledger, decideGuestRelease(ledger, mac(1), ip("10.9.0.4"), at(0), "dhcp-release"));
    expect(offered(ledger, 1)).toBe("10.9.0.4");
    expect(offered(ledger, 2, 0, ip("10.9.0.6"))).toBe("10.9.0.6");
    expect(offered(ledger, 3, 0, ip("10.9.0.6"))).not.toBe("10.9.0.6");
    expect(offered(ledger, 4, 0, ip("10.9.0.1"))).not.toBe("10.9.0.1");
  });

  test("remember a guest's address after it cooled", () => {
    const ledger = new Ledger();
    bind(ledger, 1, "10.9.0.5", { seconds: 10 });
    commit(ledger, decideSweep(ledger, at(10_000)));
    commit(ledger, decideSweep(ledger, at(10_000 + COOLING_TIME)));
    expect(ledger.lease(ip("10.9.0.5"))).toBeUndefined();
    expect(offered(ledger, 1, 10_000 + COOLING_TIME)).toBe("10.9.0.5");
  });

  test("a full pool is exhausted and nobody is evicted; holds are short when it is nearly full", () => {
    const ledger = new Ledger();
    for (let guest = 1; guest <= 4; guest++) bind(ledger, guest, `10.9.0.${guest + 1}`);
    expect(offered(ledger, 5)).toBe("10.9.0.6");
    expect(offered(ledger, 6)).toBe("exhausted");
    expect(ledger.offers.of(mac(5))?.until).toBe(START + OFFER_HOLD_SCARCE);
  });

  test("a container's MAC is offered the container's address", () => {
    const ledger = new Ledger();
    add(ledger, container("a"), { mac: mac(7) });
    expect(offered(ledger, 7)).toBe("10.9.0.2");
    expect(bind(ledger, 7, "10.9.0.2")).toBe("bound");
    expect(bind(ledger, 7, "10.9.0.3")).toBe("refused");
    expect(ledger.lease(ip("10.9.0.2"))?.owner?.kind).toBe("container");
  });
});

describe("binds", () => {
  test.each<{ name: string; mode: BindMode; address: string; outcome: "bound" | "refused" }>([
    {
      name: "free address after a lost offer (Q3)",
      mode: "selecting",
      address: "10.9.0.6",
      outcome: "bound",
    },
    { name: "outside the pool (Q7)", mode: "init-reboot", address: "10.9.9.9", outcome: "refused" },
    { name: "the gateway", mode: "selecting", address: "10.9.0.1", outcome: "refused" },
    {
      name: "unknown guest, free address (Q8, Q11)",
      mode: "init-reboot",
      address: "10.9.0.6",
      outcome: "bound",
    },
    {
      name: "another guest's lease (Q10)",
      mode: "renewing",
      address: "10.9.0.3",
      outcome: "refused",
    },
    {
      name: "a container's address (V2)",
      mode: "rebinding",
      address: "10.9.0.2",
      outcome: "refused",
    },
    { name: "another guest's offer", mode: "selecting", address: "10.9.0.4", outcome: "refused" },
    {
      name: "an address cooling after another guest",
      mode: "selecting",
      address: "10.9.0.5",
      outcome: "refused",
    },
  ])("$name: $outcome", ({ mode, address, outcome }) => {
    const ledger = new Ledger();
    add(ledger, container("a"));
    bind(ledger, 1, "10.9.0.3");
    offerAddress(ledger, pool(), mac(2), ip("10.9.0.4"), START);
    bind(ledger, 3, "10.9.0.5");
    commit(ledger, decideGuestRelease(ledger, mac(3), ip("10.9.0.5"), at(0), "dhcp-release"));
    expect(bind(ledger, 9, address, { mode })).toBe(outcome);
  });

  test("a renewal keeps the sequence and moves the end; another address moves the guest or is refused (Q6, Q17)", () => {
    const ledger = new Ledger();
    bind(ledger, 1, "10.9.0.3");
    const before = ledger.lease(ip("10.9.0.3"));
    bind(ledger, 1, "10.9.0.3", { mode: "renewing", now: 1_000 });
    expect(ledger.lease(ip("10.9.0.3"))).toMatchObject({
      sequence: before?.sequence,
      since: before?.since,
      until: START + 1_000 + 3_600_000,
    });
    expect(bind(ledger, 1, "10.9.0.4", { mode: "init-reboot" })).toBe("refused");
    expect(bind(ledger, 1, "10.9.0.4")).toBe("bound");
    expect(ledger.lease(ip("10.9.0.3"))?.state).toBe("cooling");
    expect(ledger.heldBy(guestKey(mac(1))).map((lease) => lease.ip)).toEqual(["10.9.0.4"]);
  });

  test("DECLINE quarantines the guest's own address only, at most a quarter of the pool", () => {
    const ledger = new Ledger();
    bind(ledger, 1, "10.9.0.3");
    const decline = (guest: number, address: string) =>
      commit(ledger, decideDecline(ledger, pool(), mac(guest), ip(address), at(0))).quarantined;
    expect(decline(2, "10.9.0.3")).toBe(false);
    expect(decline(1, "10.9.0.3")).toBe(true);
    expect(bind(ledger, 1, "10.9.0.3")).toBe("refused");
    bind(ledger, 1, "10.9.0.4");
    expect(decline(1, "10.9.0.4")).toBe(true);
    expect([...ledger.quarantined("node")].map((lease) => lease.ip)).toEqual(["10.9.0.4"]);
  });
});

describe("intake", () => {
  const entry = (guest: number, address: string, expiry = START + 60_000) => ({
    mac: mac(guest),
    ip: ip(address),
    expiry,
  });
  const take = (ledger: Ledger, entries: ReturnType<typeof entry>[], writtenAt = START) =>
    commit(ledger, decideImport(ledger, pool(), entries, writtenAt, at(0)));

  test("new leases come in, dropped ones cool, contradictions are quarantined, containers keep theirs", () => {
    const ledger = new Ledger();
    add(ledger, container("a"));
    bind(ledger, 1, "10.9.0.3");
    bind(ledger, 2, "10.9.0.4");
    const outcome = take(ledger, [
      entry(8, "10.9.0.2", FAR_EXPIRY),
      entry(5, "10.9.0.5"),
      entry(6, "10.9.0.3"),
      entry(7, "10.77.0.9"),
      entry(4, "10.9.0.6", START - 1),
    ]);
    expect(outcome).toMatchObject({
      imported: 1,
      released: 1,
      foreign: 1,
      conflicts: [expect.stringContaining("10.9.0.2"), expect.stringContaining("10.9.0.3")],
    });
    const states = Object.fromEntries(
      [...ledger.leases()].map((lease) => [lease.ip, `${lease.state} ${lease.owner?.kind}`]),
    );
    expect(states).toEqual({
      "10.9.0.2": "leased container",
      "10.9.0.3": "quarantined undefined",
      "10.9.0.4": "cooling guest",
      "10.9.0.5": "leased guest",
    });
  });

  test("a lease given after the mirror was written is not taken for dropped", () => {
    const ledger = new Ledger();
    bind(ledger, 1, "10.9.0.3", { now: 5 });
    expect(take(ledger, [entry(2, "10.9.0.4")], START + 4).released).toBe(0);
    expect(take(ledger, [entry(2, "10.9.0.4")], START + 5).released).toBe(1);
  });

  test("what is seen in use without a record is kept from everyone, and its own guest may have it back", () => {
    const ledger = new Ledger();
    add(ledger, container("a"));
    const sightings = [
      { ip: ip("10.9.0.2"), evidence: "route" },
      { ip: ip("10.9.0.3"), mac: mac(3), evidence: "neighbour" },
      { ip: ip("10.1.1.1"), evidence: "neighbour" },
    ];
    expect(commit(ledger, decideRecover(ledger, pool(), sightings, at(0))).found).toEqual([
      "10.9.0.3",
    ]);
    expect(bind(ledger, 4, "10.9.0.3")).toBe("refused");
    expect(bind(ledger, 3, "10.9.0.3", { mode: "renewing" })).toBe("bound");
  });

  test("an address that was only seen in use is given its guest by the mirror", () => {
    const ledger = new Ledger();
    const sightings = [{ ip: ip("10.9.0.3"), evidence: "route" }];
    commit(ledger, decideRecover(ledger, pool(), sightings, at(0)));
    expect(take(ledger, [entry(3, "10.9.0.3")])).toMatchObject({ imported: 1, conflicts: [] });
    expect(ledger.lease(ip("10.9.0.3"))?.owner).toEqual({ kind: "guest", mac: mac(3) });
  });
});
