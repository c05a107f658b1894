// The one writer under way with several groups: what overlaps, what never does, and what shares a commit.

import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { decideAttach } from "#core/attach.ts";
import { decideConfirm, decideDetach } from "#core/detach.ts";
import type { RouteChange } from "#core/effects.ts";
import { Ledger } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import { type Change, type RecordKey, recordKey } from "#core/record.ts";
import { lastOfEachKey } from "#broker/coalesce.ts";
import { container, leasesOf, pool, stamp } from "#test/core/lease-fixtures.ts";
import { leasingOn } from "#test/fakes/leasing-on.ts";

afterEach(() => void vi.useRealTimers());

/** A writer whose commits and routes end when the test says so. */
function writer() {
  const ledger = new Ledger();
  const commits: { changes: readonly Change[]; end: (error?: Error) => void }[] = [];
  const routings: { changes: readonly RouteChange[]; end: (error?: Error) => void }[] = [];
  const leasing = leasingOn(ledger, {
    persist: (_cause, changes) =>
      new Promise((resolve, reject) =>
        commits.push({ changes, end: (error) => (error ? reject(error) : resolve()) }),
      ),
    route: (_cause, changes) =>
      new Promise((resolve) =>
        routings.push({ changes, end: (error) => resolve(changes.map(() => error)) }),
      ),
  });
  const add = (id: string, boottime = 1) =>
    leasing.submit("ADD", (state, moment) => {
      const attachment = { netns: "/n", stamp: stamp(boottime) };
      const request = { owner: container(id), attachment, pool: pool(), requested: [] };
      return decideAttach(state, { ...request, strict: false }, moment);
    });
  const del = (id: string, boottime = 2) =>
    leasing.submit("DEL", (state, moment) =>
      decideDetach(state, { ...container(id), stamp: stamp(boottime) }, moment),
    );
  const confirm = (id: string, sequences: readonly number[]) =>
    leasing.submitPatiently("CONFIRM", (state) =>
      decideConfirm(state, { key: ownerKey(container(id)), sequences }),
    );
  const held = (id: string) => ledger.heldBy(ownerKey(container(id)));
  return { ledger, leasing, commits, routings, add, del, confirm, held };
}

/** Everything that needs no commit, route or timer to end has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test("the next group is decided and committed while the routes of the one before are on their way", async () => {
  const { add, commits, routings } = writer();
  const first = add("a");
  await settle();
  const second = add("b");
  await settle();
  expect(commits).toHaveLength(1);
  commits[0]?.end();
  await settle();
  expect([commits.length, routings.length]).toEqual([2, 1]);
  commits[1]?.end();
  await settle();
  expect(routings.map(({ changes }) => changes.length)).toEqual([1, 1]);
  routings[1]?.end();
  routings[0]?.end();
  expect([(await first).kind, (await second).kind]).toEqual(["attached", "attached"]);
});

test("nothing is decided while a commit is under way, and its failure undoes its own group alone", async () => {
  const { add, commits, routings, held } = writer();
  const first = add("a");
  await settle();
  commits[0]?.end();
  await settle();
  const second = add("b");
  await settle();
  const third = add("c");
  await settle();
  expect([held("b").length, held("c").length]).toEqual([1, 0]);
  const refused = expect(second).rejects.toMatchObject({ code: "commit-failed" });
  commits[1]?.end(new Error("disk"));
  await refused;
  await settle();
  expect([held("a").length, held("b").length, held("c").length]).toEqual([1, 0, 1]);
  commits[2]?.end();
  await settle();
  for (const { end } of routings) end();
  expect([(await first).kind, (await third).kind]).toEqual(["attached", "attached"]);
});

test("routes of one address are handed over in the order of their commits, and answers come in it too", async () => {
  const { add, del, commits, routings } = writer();
  const answered: string[] = [];
  const both = [
    add("a").then(() => answered.push("ADD")),
    (async () => {
      await settle();
      await del("a");
      answered.push("DEL");
    })(),
  ];
  await settle();
  commits[0]?.end();
  await settle();
  await settle();
  commits[1]?.end();
  await settle();
  expect(routings.map(({ changes }) => changes[0]?.op)).toEqual(["add", "delete"]);
  routings[1]?.end();
  await settle();
  expect(answered).toEqual([]);
  routings[0]?.end();
  await Promise.all(both);
  expect(answered).toEqual(["ADD", "DEL"]);
});

test("a lease whose route failed is kept when a later group was told of it, and given back otherwise", async () => {
  for (const repeated of [true, false]) {
    const { add, commits, routings, held } = writer();
    const first = add("a");
    const refused = expect(first).rejects.toMatchObject({ code: "route-failed" });
    await settle();
    commits[0]?.end();
    await settle();
    const second = repeated ? add("a", 2) : undefined;
    await settle();
    commits[1]?.end();
    await settle();
    routings[0]?.end(new Error("no buffer space"));
    await settle();
    routings[1]?.end();
    if (second !== undefined) expect(leasesOf(await second)).toEqual(held("a"));
    await settle();
    for (const { end } of commits) end();
    await settle();
    routings[1]?.end();
    await refused;
    expect(held("a")).toHaveLength(repeated ? 1 : 0);
  }
});

test("a confirmation shares the commit of the call that follows it, and has its own when none does", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const { add, confirm, commits, routings, held } = writer();
  const first = add("a");
  await settle();
  commits[0]?.end();
  await settle();
  routings[0]?.end();
  await first;
  const confirmed = confirm(
    "a",
    held("a").map(({ sequence }) => sequence),
  );
  await settle();
  expect(commits).toHaveLength(1);
  const second = add("b");
  await settle();
  expect(held("a").map(({ provisional }) => provisional)).toEqual([undefined]);
  commits[1]?.end();
  await settle();
  routings[1]?.end();
  await Promise.all([confirmed, second]);
  const alone = confirm(
    "b",
    held("b").map(({ sequence }) => sequence),
  );
  await settle();
  expect(commits).toHaveLength(2);
  vi.runAllTimers();
  await settle();
  commits[2]?.end();
  await alone;
});

test("of changes to one record the last counts, and no other is lost", () => {
  const key = fc.constantFrom("sequence", "mirror", "boot");
  const change = fc
    .record({ name: key, value: fc.option(fc.nat().map(String)) })
    .map(({ name, value }): Change =>
      value === null
        ? { op: "delete", key: `meta ${name}` as RecordKey }
        : { op: "put", record: { kind: "meta", meta: { name, value } } },
    );
  const after = (changes: readonly Change[]) => {
    const records = new Map<RecordKey, unknown>();
    for (const one of changes)
      if (one.op === "put") records.set(recordKey(one.record), one.record);
      else records.delete(one.key);
    return records;
  };
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const kept = lastOfEachKey(changes);
      expect(after(kept)).toEqual(after(changes));
      expect(kept.length).toBe(
        new Set(changes.map((one) => (one.op === "put" ? recordKey(one.record) : one.key))).size,
      );
    }),
  );
});
