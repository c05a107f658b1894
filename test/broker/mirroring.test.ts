// leases.json and what the ledger remembers of it: whatever is cut short, our own file is never taken for a foreign one.

import { hash } from "node:crypto";
import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideBind } from "#core/guest.ts";
import { Ledger } from "#core/ledger.ts";
import { FAR_EXPIRY } from "#core/limits.ts";
import type { MirrorEntry } from "#core/ports.ts";
import { Leasing } from "#broker/leasing.ts";
import { createMirroring } from "#broker/mirroring.ts";
import { importForeignMirror } from "#broker/startup.ts";
import { BOOT, mac, pool, START } from "#test/core/lease-fixtures.ts";

/** A node whose process can be lost at any step: what is on disk is `ledger` and `file`. */
function node() {
  const ledger = new Ledger();
  let now = START;
  let file: readonly MirrorEntry[] | undefined;
  let broken = false;
  let damaged = false;
  let writes = 0;
  const digestOf = (entries: readonly MirrorEntry[]) => hash("sha256", JSON.stringify(entries));
  const mirror = {
    read: async () =>
      file === undefined ? undefined : { entries: file, digest: digestOf(file), damaged },
    digest: digestOf,
    write: async (entries: readonly MirrorEntry[]) => {
      writes++;
      if (broken) throw new Error("no space left on device");
      file = entries;
      return digestOf(entries);
    },
  };
  const effects = {
    persist: async () => undefined,
    route: async (_cause: unknown, changes: readonly unknown[]) => changes.map(() => undefined),
    reply: async (_cause: unknown, send: () => void | Promise<void>) => send(),
    mirror: async (_cause: unknown, entries: readonly MirrorEntry[]) => mirror.write(entries),
    unspool: (_cause: unknown, remove: () => Promise<void>) => remove(),
  };
  const start = () => {
    const leasing = new Leasing({
      ledger,
      effects,
      clock: { now: () => now, boottime: () => 0 },
      bootId: BOOT,
      emit: () => undefined,
      committed: () => mirroring.touch(["REQUEST"]),
      trouble: () => undefined,
    });
    const mirroring = createMirroring({ leasing, effects, mirror, trouble: () => undefined });
    const bind = (guest: number, address: string) =>
      leasing.submit("REQUEST", (state, moment) =>
        decideBind(
          state,
          pool(),
          { mac: mac(guest), ip: ip(address), mode: "selecting", seconds: 3_600 },
          moment,
        ),
      );
    const takeIn = () => importForeignMirror(leasing, mirror, pool());
    const touchAndFlush = () => {
      mirroring.touch(["SWEEP"]);
      return mirroring.flush();
    };
    return { bind, flush: () => mirroring.flush(), touchAndFlush, takeIn };
  };
  return {
    ledger,
    start,
    later: () => (now += 10_000),
    breakFile: (is: boolean) => (broken = is),
    writes: () => writes,
    damage: (rest: readonly MirrorEntry[]) => {
      file = rest;
      damaged = true;
    },
    rewrite: (entries: readonly MirrorEntry[]) => (file = entries),
    held: () => [...ledger.leases()].filter(({ state }) => state === "leased").map(({ ip }) => ip),
  };
}

const row = (guest: number, address: string, expiry = START + 9_000_000): MirrorEntry => ({
  mac: mac(guest),
  ip: ip(address),
  expiry,
});

test("writes that failed again and again do not make our own old file a foreign one", async () => {
  const { start, later, breakFile, held } = node();
  const broker = start();
  await broker.bind(1, "10.9.0.2");
  await broker.flush();
  breakFile(true);
  for (const guest of [2, 3, 4]) {
    later();
    await broker.bind(guest, `10.9.0.${guest + 1}`);
    await expect(broker.flush()).rejects.toThrow("no space left");
  }
  later();
  expect(await start().takeIn()).toBeUndefined();
  expect(held()).toHaveLength(4);
});

test("a lease given after the file that stands is kept when the Go version never saw it", async () => {
  const { start, later, breakFile, rewrite, held } = node();
  const broker = start();
  await broker.bind(1, "10.9.0.2");
  await broker.flush();
  later();
  await broker.bind(2, "10.9.0.3");
  later();
  breakFile(true);
  await expect(broker.flush()).rejects.toThrow("no space left");
  rewrite([row(1, "10.9.0.2"), row(5, "10.9.0.5")]);
  expect(await start().takeIn()).toMatchObject({ imported: 1, released: 0 });
  expect(held()).toHaveLength(3);
});

test("what the Go version dropped after a complete write cools, and is taken in only once", async () => {
  const { start, later, rewrite, held } = node();
  const broker = start();
  await broker.bind(1, "10.9.0.2");
  await broker.bind(2, "10.9.0.3");
  await broker.flush();
  later();
  rewrite([row(1, "10.9.0.2")]);
  expect(await start().takeIn()).toMatchObject({ released: 1 });
  expect(held()).toEqual(["10.9.0.2"]);
  expect(await start().takeIn()).toBeUndefined();
});

test("a file that lists none of our addresses, as an emptied or a wrong one, takes nobody's lease", async () => {
  for (const content of [[], [row(1, "10.77.0.2", FAR_EXPIRY)]]) {
    const { start, later, rewrite, held } = node();
    const broker = start();
    await broker.bind(1, "10.9.0.2");
    await broker.flush();
    later();
    rewrite(content);
    expect(await start().takeIn()).toMatchObject({ released: 0 });
    expect(held()).toEqual(["10.9.0.2"]);
  }
});

test("rows that cannot be read are not rows that are gone: nobody's lease ends for them", async () => {
  const state = node();
  const before = state.start();
  await before.bind(1, "10.9.0.3");
  await before.bind(2, "10.9.0.4");
  await before.flush();
  state.later();
  state.damage([row(1, "10.9.0.3")]);
  await state.start().takeIn();
  expect(state.held().toSorted()).toEqual(["10.9.0.3", "10.9.0.4"]);
});

test("a restart leaves a file alone that says what the ledger says", async () => {
  const state = node();
  const before = state.start();
  await before.bind(1, "10.9.0.3");
  await before.flush();
  expect(state.writes()).toBe(1);
  state.later();
  const after = state.start();
  await after.bind(1, "10.9.0.3");
  await after.flush();
  expect(state.writes()).toBe(2);
  await state.start().touchAndFlush();
  expect(state.writes()).toBe(2);
});
