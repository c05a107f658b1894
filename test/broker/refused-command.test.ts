// A command that is refused because its route failed changes nothing: what it renewed or gave up is put back as it was.

import { expect, test } from "vitest";
import { decideConfirm } from "#core/detach.ts";
import { offerAddress } from "#core/guest.ts";
import { guestKey } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import { START, container, leasesOf, mac, pool } from "#test/core/lease-fixtures.ts";
import { FIRST, SECOND, refusal, refuse, turns, writer } from "./refused-world.ts";

test("a repetition: an older DEL, which lay in the spool, frees the lease as if it had never come", async () => {
  const { add, del, held, hold, answer, idle } = writer();
  await add("a", 1);
  const before = held("a");
  hold();
  const repeated = expect(add("a", 3, [], mac(8))).rejects.toMatchObject(refusal);
  await answer(refuse);
  await repeated;
  await idle();
  expect(held("a")).toEqual(before);
  expect(await del("a", 2)).toEqual({ released: [FIRST] });
});

test("a repetition: an older DEL that came while its route was on the way is made afterwards", async () => {
  const { add, del, held, hold, answer, ledger, kernel, idle } = writer();
  await add("a", 1);
  hold();
  const repeated = expect(add("a", 3)).rejects.toMatchObject(refusal);
  await turns();
  const released = del("a", 2);
  await answer(refuse);
  await repeated;
  expect(await released).toEqual({ released: [] });
  await idle();
  expect(held("a")).toEqual([]);
  expect(ledger.lease(FIRST)?.state).toBe("cooling");
  expect([...kernel]).toEqual([]);
});

test("a repetition: two that fail one after the other leave what was before both", async () => {
  const { add, held, hold, answer, idle } = writer();
  await add("a", 1);
  const before = held("a");
  hold();
  const first = expect(add("a", 2)).rejects.toMatchObject(refusal);
  await turns();
  const second = expect(add("a", 3)).rejects.toMatchObject(refusal);
  await answer(refuse, refuse);
  await Promise.all([first, second]);
  await idle();
  expect(held("a")).toEqual(before);
});

test.each([
  ["newer", 2, 3],
  ["older", 3, 2],
])(
  "a repetition: the one that was answered counts, a %s one too: no DEL of before it frees the lease",
  async (_which, failing, answered) => {
    const { add, del, held, hold, answer, idle } = writer();
    await add("a", 1);
    hold();
    const first = expect(add("a", failing)).rejects.toMatchObject(refusal);
    await turns();
    const second = add("a", answered);
    await answer(refuse, undefined);
    await first;
    expect(leasesOf(await second)).toEqual(held("a"));
    await idle();
    expect(await del("a", answered)).toEqual({ released: [] });
  },
);

test("a repetition: a confirmation of the answer before, which came meanwhile, stays", async () => {
  const { add, held, hold, answer, idle, leasing } = writer();
  const leases = leasesOf(await add("a", 1));
  hold();
  const repeated = expect(add("a", 2)).rejects.toMatchObject(refusal);
  await turns();
  const sequences = leases.map(({ sequence }) => sequence);
  const key = ownerKey(container("a"));
  const confirmed = leasing.submit("CONFIRM", (state) => decideConfirm(state, { key, sequences }));
  await answer(refuse);
  await Promise.all([repeated, confirmed]);
  await idle();
  const [{ provisional: _delivered, ...before } = {}] = leases;
  expect(held("a")).toEqual([before]);
});

test("another address asked for: the old one is kept, with its route; the new one cools", async () => {
  const { add, held, hold, answer, ledger, kernel, idle } = writer();
  await add("a", 1);
  const before = held("a");
  hold();
  const asked = expect(add("a", 2, [SECOND])).rejects.toMatchObject(refusal);
  await answer(refuse);
  await asked;
  await idle();
  expect(held("a")).toEqual(before);
  expect([...kernel]).toEqual([FIRST]);
  expect(ledger.lease(SECOND)?.state).toBe("cooling");
});

test("another address asked for: who is refused has the old one back, on disk: no kill can come in between", async () => {
  const { add, held, hold, answer, commits } = writer();
  await add("a", 1);
  const before = held("a");
  hold();
  const asked = add("a", 2, [SECOND]).catch(() => ({ held: held("a"), commits: commits() }));
  await turns();
  const drawn = commits();
  await answer(refuse);
  expect(await asked).toEqual({ held: before, commits: drawn + 1 });
});

test("another address asked for: the old one is kept although the first try to undo is not durable", async () => {
  const { add, held, hold, answer, refuseCommits, idle } = writer();
  await add("a", 1);
  const before = held("a");
  hold();
  const asked = expect(add("a", 2, [SECOND])).rejects.toMatchObject(refusal);
  await turns();
  refuseCommits(1);
  await answer(refuse);
  await asked;
  expect(held("a")).not.toEqual(before);
  await idle();
  expect(held("a")).toEqual(before);
});

test("another address asked for: what was drawn meanwhile is not taken back from anybody", async () => {
  const { add, held, hold, answer, ledger, idle } = writer();
  await add("a", 1);
  hold();
  const asked = expect(add("a", 2, [SECOND])).rejects.toMatchObject(refusal);
  await turns();
  const other = add("b", 3, [FIRST], mac(8));
  await answer(refuse);
  await Promise.all([asked, other]);
  await idle();
  expect(held("a")).toEqual([]);
  expect(held("b").map((lease) => lease.ip)).toEqual([FIRST]);
  expect(ledger.lease(SECOND)?.state).toBe("cooling");
});

test("another address asked for: the old one, in the container's namespace still, is kept though a guest was offered it", async () => {
  const { add, request, held, hold, answer, ledger, kernel, idle } = writer();
  await add("a", 1);
  const before = held("a");
  hold();
  const asked = expect(add("a", 2, [SECOND])).rejects.toMatchObject(refusal);
  await turns();
  for (const guest of [1, 2, 3, 4]) offerAddress(ledger, pool(), mac(guest), undefined, START);
  const offered = ledger.offer(FIRST)?.mac;
  expect(offered).toBe(mac(4));
  await answer(refuse);
  await asked;
  await idle();
  expect(held("a")).toEqual(before);
  expect([...kernel]).toEqual([FIRST]);
  expect(await request(4, FIRST, 60)).toMatchObject({ kind: "refused" });
  expect(held("a")).toEqual(before);
});

test("another address asked for: a DEL that came meanwhile leaves neither", async () => {
  const { add, del, held, hold, answer, kernel, idle } = writer();
  await add("a", 1);
  hold();
  const asked = expect(add("a", 2, [SECOND])).rejects.toMatchObject(refusal);
  await turns();
  const released = del("a", 3);
  await answer(refuse);
  await Promise.all([asked, released]);
  await idle();
  expect(held("a")).toEqual([]);
  expect([...kernel]).toEqual([]);
});

test("a guest that asks for another address keeps its own, and its lease ends when it would have ended", async () => {
  const { request, ledger, hold, answer, kernel, idle } = writer();
  await request(1, FIRST, 600);
  const before = ledger.heldBy(guestKey(mac(1)));
  for (const address of [SECOND, FIRST]) {
    hold();
    const asked = expect(request(1, address, 3_600)).rejects.toMatchObject(refusal);
    await answer(refuse);
    await asked;
    await idle();
    expect(ledger.heldBy(guestKey(mac(1)))).toEqual(before);
    expect([...kernel]).toEqual([FIRST]);
  }
});
