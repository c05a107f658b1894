// CNI ADD, DEL and GC as decisions over the ledger.

import { describe, expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideCollect, decideConfirm, decideDetach, decideForget } from "#core/detach.ts";
import { Ledger } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import { COOLING_TIME, STICKY_TIME, TOMBSTONE_LIMIT, TOMBSTONE_TIME } from "#core/limits.ts";
import { decideSweep } from "#core/sweep.ts";
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

const detach = (
  ledger: Ledger,
  containerId: string,
  boottime: number,
  options: { network?: string; boot?: string; now?: number } = {},
) =>
  commit(
    ledger,
    decideDetach(
      ledger,
      {
        network: options.network ?? "net",
        containerId,
        ifname: "eth0",
        stamp: stamp(boottime, options.boot ?? BOOT),
      },
      at(options.now ?? 0),
    ),
  );

describe("ADD", () => {
  test("gives addresses in order, never the gateway, and refuses when the pool is full", () => {
    const ledger = new Ledger();
    const given = ["a", "b", "c", "d", "e"].map((id) => addressesOf(add(ledger, container(id)))[0]);
    expect(given).toEqual(["10.9.0.2", "10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6"]);
    const sixth = add(ledger, container("f"));
    expect(sixth.kind === "refused" && sixth.error).toMatchObject({
      code: "pool-exhausted",
      message: expect.stringMatching(/^no IP addresses available in range set/),
      details: expect.stringContaining("leased 5"),
    });
  });

  test("repeats its answer for the same interface and keeps the confirmation", () => {
    const ledger = new Ledger();
    const [first] = leasesOf(add(ledger, container("a")));
    expect(first?.provisional).toBe(true);
    commit(
      ledger,
      decideConfirm(ledger, { key: ownerKey(container("a")), sequences: [first?.sequence ?? -1] }),
    );
    const [again] = leasesOf(add(ledger, container("a"), { boottime: 2_000 }));
    expect(again).toMatchObject({
      ip: first?.ip,
      sequence: first?.sequence,
      attachment: { stamp: stamp(2_000) },
    });
    expect(again?.provisional).toBeUndefined();
  });

  test("strict refuses the repetition within a boot and answers it across boots", () => {
    const ledger = new Ledger();
    add(ledger, container("a"));
    expect(add(ledger, container("a"), { strict: true })).toMatchObject({
      kind: "refused",
      error: { code: "duplicate-attachment" },
    });
    expect(
      addressesOf(
        add(ledger, container("a"), { strict: true, moment: { ...at(0), bootId: "next-boot" } }),
      ),
    ).toEqual(["10.9.0.2"]);
  });

  test("a requested address is given when free or cooling, and refused when held, excluded or left over", () => {
    const ledger = new Ledger();
    expect(addressesOf(add(ledger, container("a"), { requested: [ip("10.9.0.5")] }))).toEqual([
      "10.9.0.5",
    ]);
    expect(add(ledger, container("b"), { requested: [ip("10.9.0.5")] })).toMatchObject({
      error: {
        message: expect.stringContaining(
          "requested IP address 10.9.0.5 is not available in range set",
        ),
      },
    });
    expect(add(ledger, container("b"), { requested: [ip("10.9.0.1")] })).toMatchObject({
      kind: "refused",
      error: { code: "address-unavailable" },
    });
    expect(add(ledger, container("b"), { requested: [ip("10.8.0.1")] })).toMatchObject({
      error: { message: "failed to allocate all requested IPs: 10.8.0.1" },
    });
    expect(
      add(ledger, container("b"), { requested: [ip("10.9.0.3"), ip("10.9.0.4")] }),
    ).toMatchObject({ error: { message: "failed to allocate all requested IPs: 10.9.0.4" } });
    expect([...ledger.leases()]).toHaveLength(1);
    detach(ledger, "a", 2_000);
    expect(addressesOf(add(ledger, container("b"), { requested: [ip("10.9.0.5")] }))).toEqual([
      "10.9.0.5",
    ]);
  });

  test("all families or none: a full second set leaves nothing behind", () => {
    const ledger = new Ledger();
    const full = pool("10.9.1.0/30");
    const two = { ...pool(), sets: [...pool().sets, ...full.sets] };
    expect(addressesOf(add(ledger, container("a"), { pool: two }))).toEqual([
      "10.9.0.2",
      "10.9.1.2",
    ]);
    expect(add(ledger, container("b"), { pool: two })).toMatchObject({
      kind: "refused",
      error: { code: "pool-exhausted" },
    });
    expect([...ledger.leases()].map((lease) => lease.ip)).toEqual(["10.9.0.2", "10.9.1.2"]);
  });

  test("a sticky name gets its address back while others avoid it, until nothing else is left", () => {
    const ledger = new Ledger();
    expect(addressesOf(add(ledger, container("a"), { sticky: "shop/db-0" }))).toEqual(["10.9.0.2"]);
    detach(ledger, "a", 2_000);
    const others = ["b", "c", "d", "e"].map((id) => addressesOf(add(ledger, container(id)))[0]);
    expect(others).not.toContain("10.9.0.2");
    expect(
      addressesOf(
        add(ledger, container("z"), {
          sticky: "shop/db-0",
          boottime: 3_000,
          moment: at(STICKY_TIME - 1),
        }),
      ),
    ).toEqual(["10.9.0.2"]);
  });
});

describe("DEL", () => {
  test("cools the address, oldest first again only when nothing else is free", () => {
    const ledger = new Ledger();
    for (const id of ["a", "b", "c", "d", "e"]) add(ledger, container(id));
    detach(ledger, "c", 2_000, { now: 1 });
    detach(ledger, "a", 2_000, { now: 2 });
    expect(ledger.lease(ip("10.9.0.4"))).toMatchObject({
      state: "cooling",
      until: at(1).now + COOLING_TIME,
    });
    expect(addressesOf(add(ledger, container("f"), { boottime: 3_000 }))).toEqual(["10.9.0.4"]);
    expect(addressesOf(add(ledger, container("g"), { boottime: 3_000 }))).toEqual(["10.9.0.2"]);
  });

  test("an address is free again after its time of cooling", () => {
    const ledger = new Ledger();
    add(ledger, container("a"));
    detach(ledger, "a", 2_000);
    commit(ledger, decideSweep(ledger, at(COOLING_TIME - 1)));
    expect(ledger.isFree(ip("10.9.0.2"))).toBe(false);
    commit(ledger, decideSweep(ledger, at(COOLING_TIME)));
    expect(ledger.isFree(ip("10.9.0.2"))).toBe(true);
  });

  test.each<{ name: string; del: [number, string?]; freed: boolean }>([
    { name: "a newer call of this boot", del: [2_000], freed: true },
    { name: "an older call of this boot (spooled, then a new ADD)", del: [500], freed: false },
    {
      name: "a call of another boot against a lease of this one",
      del: [9_000, "boot-before"],
      freed: false,
    },
  ])("frees by age: $name", ({ del: [boottime, boot], freed }) => {
    const ledger = new Ledger();
    add(ledger, container("a"), { boottime: 1_000 });
    expect(detach(ledger, "a", boottime, boot === undefined ? {} : { boot }).released).toEqual(
      freed ? ["10.9.0.2"] : [],
    );
  });

  test("DEL, DEL, ADD of the same ID succeeds; the ADD that began before the DEL does not", () => {
    const ledger = new Ledger();
    detach(ledger, "a", 2_000);
    detach(ledger, "a", 1_500);
    expect(add(ledger, container("a"), { boottime: 1_900 })).toMatchObject({
      kind: "refused",
      error: { code: "stale-call" },
    });
    expect(addressesOf(add(ledger, container("a"), { boottime: 2_100 }))).toEqual(["10.9.0.2"]);
    expect(add(ledger, container("b"), { boottime: 1 })).toMatchObject({ kind: "attached" });
  });

  test("tombstones end after their time and never exceed their limit", () => {
    const ledger = new Ledger();
    for (let index = 0; index <= TOMBSTONE_LIMIT; index++) detach(ledger, `id${index}`, 2_000);
    expect(ledger.tombstones().size).toBe(TOMBSTONE_LIMIT);
    expect(ledger.tombstone(ownerKey(container("id0")))).toBeUndefined();
    while (commit(ledger, decideSweep(ledger, at(TOMBSTONE_TIME))).more);
    expect(ledger.tombstones().size).toBe(0);
  });

  test("matches container and interface when the network was renamed, and leaves other interfaces alone", () => {
    const ledger = new Ledger();
    add(ledger, container("a", "old-name"));
    add(ledger, container("a", "second", "eth1"));
    expect(detach(ledger, "a", 2_000, { network: "new-name" }).released).toEqual(["10.9.0.2"]);
    expect(ledger.heldBy(ownerKey(container("a", "second", "eth1")))).toHaveLength(1);
  });

  test("by sequence number: a late release cannot free the address of the next holder", () => {
    const ledger = new Ledger();
    const [first] = leasesOf(add(ledger, container("a")));
    const late = { ip: ip("10.9.0.2"), sequence: first?.sequence ?? 0, reason: "gone" } as const;
    commit(ledger, decideForget(ledger, late, at(0)));
    add(ledger, container("b"), { requested: [ip("10.9.0.2")] });
    expect(commit(ledger, decideForget(ledger, late, at(0))).released).toEqual([]);
  });
});

describe("FORGET", () => {
  test("an operator may cut cooling short; evidence may not", () => {
    const ledger = new Ledger();
    const [lease] = leasesOf(add(ledger, container("a")));
    detach(ledger, "a", 2_000);
    const request = { ip: ip("10.9.0.2"), sequence: lease?.sequence ?? 0 };
    expect(
      commit(ledger, decideForget(ledger, { ...request, reason: "gone" }, at(0))).released,
    ).toEqual([]);
    commit(ledger, decideForget(ledger, { ...request, reason: "forgotten" }, at(0)));
    expect(ledger.isFree(ip("10.9.0.2"))).toBe(true);
  });
});

describe("GC", () => {
  test("frees what is not listed, of its own network only, and nothing younger than the call", () => {
    const ledger = new Ledger();
    add(ledger, container("keep"));
    add(ledger, container("drop"));
    add(ledger, container("other", "elsewhere"));
    add(ledger, container("young"), { boottime: 9_000 });
    const outcome = commit(
      ledger,
      decideCollect(
        ledger,
        { network: "net", valid: [{ containerId: "keep", ifname: "eth0" }], stamp: stamp(5_000) },
        at(0),
      ),
    );
    expect(outcome.released).toEqual(["10.9.0.3"]);
  });
});
