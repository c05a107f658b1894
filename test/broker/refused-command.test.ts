// A command that is refused because its route failed changes nothing: what it renewed or gave up is put back as it was.

import { expect, test } from "vitest";
import { type Ip, ip } from "#core/address.ts";
import { decideAttach } from "#core/attach.ts";
import { decideConfirm, decideDetach } from "#core/detach.ts";
import type { RouteChange } from "#core/effects.ts";
import { decideBind, offerAddress } from "#core/guest.ts";
import { Ledger, guestKey } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import { Leasing } from "#broker/leasing.ts";
import { BOOT, START, container, leasesOf, mac, pool, stamp } from "#test/core/lease-fixtures.ts";

const [FIRST, SECOND] = [ip("10.9.0.2"), ip("10.9.0.3")];

/** A writer whose routes answer when the test says so, once {@link hold} was called. */
function writer() {
  const ledger = new Ledger();
  const kernel = new Set<Ip>();
  const routings: ((error?: Error) => void)[] = [];
  let refusingCommits = 0;
  let holding = false;
  const set = (changes: readonly RouteChange[], error: Error | undefined) =>
    changes.map(({ op, ip: address }) => {
      if (op === "add" && error !== undefined) return error;
      if (op === "add") kernel.add(address);
      else kernel.delete(address);
      return undefined;
    });
  const leasing = new Leasing({
    ledger,
    effects: {
      persist: async () => {
        if (refusingCommits-- > 0) throw new Error("no space left on device");
      },
      route: (_cause, changes) =>
        holding
          ? new Promise((done) => routings.push((error) => done(set(changes, error))))
          : Promise.resolve(set(changes, undefined)),
      reply: async (_cause, send) => send(),
      mirror: async () => "",
      unspool: (_cause, remove) => remove(),
    },
    clock: { now: () => START, boottime: () => 0 },
    bootId: BOOT,
    emit: () => undefined,
    committed: () => undefined,
    trouble: () => undefined,
  });
  const add = (id: string, boottime: number, requested: readonly Ip[] = [], address = mac(9)) =>
    leasing.submit("ADD", (state, moment) => {
      const attachment = { netns: "/n", stamp: stamp(boottime) };
      const request = { owner: container(id), attachment, pool: pool(), requested, strict: false };
      return decideAttach(state, { ...request, mac: address }, moment);
    });
  const del = (id: string, boottime: number) =>
    leasing.submit("DEL", (state, moment) =>
      decideDetach(state, { ...container(id), stamp: stamp(boottime) }, moment),
    );
  const request = (guest: number, address: Ip, seconds: number) =>
    leasing.submit("REQUEST", (state, moment) => {
      const wanted = { mac: mac(guest), ip: address, mode: "selecting", seconds } as const;
      return decideBind(state, pool(), wanted, moment);
    });
  return {
    ledger,
    kernel,
    leasing,
    add,
    del,
    request,
    held: (id: string) => ledger.heldBy(ownerKey(container(id))),
    idle: () =>
      leasing.submit("SWEEP", () => ({ changes: [], routes: [], events: [], outcome: 0 })),
    hold: () => void (holding = true),
    refuseCommits: (count: number) => void (refusingCommits = count),
    /** Answers what waits, one after the other, and what comes meanwhile with success. */
    answer: async (...errors: readonly (Error | undefined)[]): Promise<void> => {
      await turns();
      holding = false;
      for (const [index, routing] of routings.splice(0).entries()) routing(errors[index]);
      await turns();
    },
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await new Promise((done) => setImmediate(done));
}

const refuse = new Error("no buffer space");
const refusal = { code: "route-failed" };

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

test("another address asked for: what was drawn or offered meanwhile is not taken back from anybody", async () => {
  for (const meanwhile of ["drawn", "offered"]) {
    const { add, held, hold, answer, ledger, idle } = writer();
    await add("a", 1);
    hold();
    const asked = expect(add("a", 2, [SECOND])).rejects.toMatchObject(refusal);
    await turns();
    const other = meanwhile === "drawn" ? add("b", 3, [FIRST], mac(8)) : undefined;
    for (let guest = 1; guest <= 4 && other === undefined; guest += 1)
      offerAddress(ledger, pool(), mac(guest), undefined, START);
    await answer(refuse);
    await Promise.all([asked, other]);
    await idle();
    expect(held("a")).toEqual([]);
    expect(held("b").map((lease) => lease.ip)).toEqual(meanwhile === "drawn" ? [FIRST] : []);
    expect(ledger.lease(SECOND)?.state).toBe("cooling");
  }
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
