// A writer whose routes the kernel takes or refuses when a test says so.

import { type Ip, ip } from "#core/address.ts";
import { decideAttach } from "#core/attach.ts";
import { decideDetach } from "#core/detach.ts";
import type { RouteChange } from "#core/effects.ts";
import { decideBind } from "#core/guest.ts";
import { Ledger } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import { container, mac, pool, stamp } from "#test/core/lease-fixtures.ts";
import { leasingOn } from "#test/fakes/leasing-on.ts";

export const [FIRST, SECOND] = [ip("10.9.0.2"), ip("10.9.0.3")];

/** A writer whose routes answer when the test says so, once {@link hold} was called. */
export function writer() {
  const ledger = new Ledger();
  const kernel = new Set<Ip>();
  const routings: ((error?: Error) => void)[] = [];
  let refusingCommits = 0;
  let commits = 0;
  let holding = false;
  const set = (changes: readonly RouteChange[], error: Error | undefined) =>
    changes.map(({ op, ip: address }) => {
      if (op === "add" && error !== undefined) return error;
      if (op === "add") kernel.add(address);
      else kernel.delete(address);
      return undefined;
    });
  const leasing = leasingOn(ledger, {
    persist: async () => {
      if (refusingCommits-- > 0) throw new Error("no space left on device");
      commits += 1;
    },
    route: (_cause, changes) =>
      holding
        ? new Promise((done) => routings.push((error) => done(set(changes, error))))
        : Promise.resolve(set(changes, undefined)),
  });
  const add = (
    id: string,
    boottime: number,
    requested: readonly Ip[] = [],
    address = mac(9),
    sticky?: string,
  ) =>
    leasing.submit("ADD", (state, moment) => {
      const attachment = { netns: "/n", stamp: stamp(boottime) };
      const request = { owner: container(id), attachment, pool: pool(), requested, strict: false };
      const kept = sticky === undefined ? {} : { sticky };
      return decideAttach(state, { ...request, ...kept, mac: address }, moment);
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
    /** Commits that were made. */
    commits: () => commits,
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

export async function turns(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await new Promise((done) => setImmediate(done));
}

export const refuse = new Error("no buffer space");
export const refusal = { code: "route-failed" };
