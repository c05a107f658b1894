// Which address is used again and when, against a model that is a plain list: also over restarts of broker and machine.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Ip } from "#core/address.ts";
import { decideAttach } from "#core/attach.ts";
import { clampTimes } from "#core/clock-step.ts";
import { decideDetach } from "#core/detach.ts";
import type { Decision } from "#core/effects.ts";
import type { BusinessEvent } from "#core/events.ts";
import { Ledger } from "#core/ledger.ts";
import { DAY, HOUR, SECOND } from "#core/time.ts";
import { decideSweep } from "#core/sweep.ts";
import { loadLedger } from "#broker/startup.ts";
import { type MemoryDisk, openMemoryStore } from "#test/fakes/memory-store.ts";
import { at, container, pool, stamp } from "./lease-fixtures.ts";

const COOLING = 130 * SECOND;
const STICKY = 30 * 86_400 * SECOND;
const node = pool("10.9.0.0/29");
const SIZE = 5;

/** What the model knows of an address that is not free. */
interface Slot {
  readonly ip: Ip;
  holder: string | undefined;
  sticky: string | undefined;
  /** When it was released, and until when it cools. */
  since: number;
  until: number;
}

/** Its time goes on, whatever is done to the clock. */
class Model {
  slots: Slot[] = [];
  now = 0;
  cooling = () => this.slots.filter(({ holder }) => holder === undefined);
  expire(): void {
    this.slots = this.slots.filter(({ holder, until }) => holder !== undefined || this.now < until);
  }
  /** Nobody knows for how long the machine was away: cooling begins anew, a sticky name is waited for at least a day. */
  reboot(away: number): void {
    for (const slot of this.cooling()) {
      const left = Math.min(Math.max(slot.until - this.now - away, DAY), STICKY);
      slot.until = this.now + (slot.sticky === undefined ? COOLING : left);
    }
  }
}

/** The core on a disk that outlives it. */
class Subject {
  readonly disk: MemoryDisk = new Map();
  store = openMemoryStore({ disk: this.disk });
  ledger = new Ledger();
  now = 0;
  calls = 0;
  events: readonly BusinessEvent[] = [];

  async commit<Outcome>(decision: Decision<Outcome>): Promise<Outcome> {
    this.ledger.apply(decision.changes);
    await this.store.commit(decision.changes);
    this.events = decision.events;
    return decision.outcome;
  }
  async restart(): Promise<void> {
    this.store = openMemoryStore({ disk: this.disk });
    this.ledger = new Ledger();
    await loadLedger(this.store, this.ledger);
  }
  /** The machine is started anew, by a clock that may be wrong or may have been wrong before. */
  async reboot(away: number): Promise<void> {
    await this.restart();
    this.now += away;
    const times = { now: at(this.now).now, renewal: HOUR / 2, leaseTime: HOUR };
    const changes = clampTimes(this.ledger, times);
    await this.commit({ changes, routes: [], events: [], outcome: undefined });
  }
  async sweep(): Promise<void> {
    for (;;) if (!(await this.commit(decideSweep(this.ledger, at(this.now)))).more) return;
  }
  async add(id: string, sticky: string | undefined): Promise<Ip | undefined> {
    const request = {
      owner: container(id),
      attachment: { netns: "/run/netns/x", stamp: stamp(++this.calls) },
      pool: node,
      requested: [],
      strict: false,
      ...(sticky === undefined ? {} : { sticky }),
    };
    const outcome = await this.commit(decideAttach(this.ledger, request, at(this.now)));
    return outcome.kind === "attached" ? outcome.leases[0]?.ip : undefined;
  }
  async del(id: string): Promise<void> {
    const request = { ...container(id), stamp: stamp(++this.calls) };
    await this.commit(decideDetach(this.ledger, request, at(this.now)));
  }
}

/** One ADD of a container that holds nothing, judged by the model before it follows. */
async function addAndJudge(subject: Subject, model: Model, id: string, sticky: string | undefined) {
  const own = model.cooling().filter((slot) => sticky !== undefined && slot.sticky === sticky);
  const given = await subject.add(id, sticky);
  const shortened = subject.events.some(({ event }) => event === "cooling.shortened");
  const cooling = model.cooling().toSorted((one, other) => one.since - other.since);
  const plain = cooling.filter((slot) => slot.sticky === undefined);
  if (own.length > 0) {
    // A sticky name gets an address of its own back, without waiting.
    expect(own.map((slot) => slot.ip)).toContain(given);
    expect(shortened).toBe(false);
  } else if (model.slots.length < SIZE) {
    // While anything is free, nothing that cools is touched.
    expect(model.slots.map((slot) => slot.ip)).not.toContain(given);
    expect(given).toBeDefined();
    expect(shortened).toBe(false);
  } else if (cooling.length > 0) {
    // Else one of the oldest, those kept for a name last; and it is counted.
    const [oldest] = plain.length > 0 ? plain : cooling;
    const allowed = (plain.length > 0 ? plain : cooling).filter(
      (slot) => slot.since === oldest?.since,
    );
    expect(allowed.map((slot) => slot.ip)).toContain(given);
    expect(shortened).toBe(true);
  } else expect(given).toBeUndefined();
  if (given === undefined) return;
  model.slots = model.slots.filter((slot) => slot.ip !== given);
  model.slots.push({ ip: given, holder: id, sticky, since: 0, until: 0 });
}

const name = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom("web-0", "web-1") },
);
/** Mostly short: so that several addresses cool at one time, of different ages, while nothing is free. */
const seconds = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(1, 2, 20) },
  { weight: 3, arbitrary: fc.constantFrom(129, 130, 131) },
  { weight: 1, arbitrary: fc.constantFrom(86_400 * 29, 86_400 * 31) },
);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("add" as const), name }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("del" as const), which: fc.nat(SIZE) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("reboot" as const),
      away: fc.constantFrom(-DAY, -5 * SECOND, 0, 5 * SECOND, DAY),
    }),
  },
);

test("an address cools for 130 s unless nothing else is free, the oldest goes first, a name gets its own back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 40, maxLength: 80, size: "max" }),
      async (steps) => {
        const subject = new Subject();
        const model = new Model();
        let added = 0;
        for (const one of steps) {
          if (one.kind === "add") await addAndJudge(subject, model, `c${++added}`, one.name);
          if (one.kind === "wait") {
            subject.now += one.seconds * SECOND;
            model.now += one.seconds * SECOND;
            await subject.sweep();
            model.expire();
          }
          if (one.kind === "restart") await subject.restart();
          if (one.kind === "reboot") {
            await subject.reboot(one.away);
            model.reboot(one.away);
          }
          if (one.kind === "del") {
            const held = model.slots.filter(({ holder }) => holder !== undefined);
            const slot = held[one.which % Math.max(1, held.length)];
            if (slot?.holder === undefined) continue;
            await subject.del(slot.holder);
            const until = model.now + (slot.sticky === undefined ? COOLING : STICKY);
            Object.assign(slot, { holder: undefined, since: model.now, until });
          }
          const states = [...subject.ledger.leases()].map(({ ip, state }) => `${ip} ${state}`);
          const wanted = model.slots.map(
            ({ ip, holder }) => `${ip} ${holder === undefined ? "cooling" : "leased"}`,
          );
          expect(states.toSorted()).toEqual(wanted.toSorted());
        }
      },
    ),
    { numRuns: 300 },
  );
});
