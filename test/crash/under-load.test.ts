// kill -9 at random moments while many containers and guests come and go at once: whole groups of changes are under way then.

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { waitFor } from "#test/netns/wait-for.ts";
import { container } from "./book.ts";
import * as guests from "./guest-scenarios.ts";
import { contradictions } from "./oracle.ts";
import { NETWORK, addressOf } from "./plugin.ts";
import { type World, makeWorld } from "./world.ts";

const KILLS = 8;
const WORKERS = 8;
/** Of each worker's containers; together fewer than half of the pool. */
const KEPT = 2;
const SHORTEST_MS = 50;
const LONGEST_MS = 800;
const SETTLE_LIMIT_MS = 10_000;

let world: World;
/** ADDs that were answered. */
let answered = 0;
beforeAll(async () => {
  world = await makeWorld();
  await world.add("bystander");
  await guests.lease(world, guests.macOf("bystander 65000"));
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

it(`keeps its word over ${KILLS} kills under load`, async () => {
  for (let round = 0; round < KILLS; round += 1) {
    const stop = new AbortController();
    const workers = Array.from({ length: WORKERS }, (_, worker) =>
      comeAndGo(`load-${round}-${worker}`, stop.signal),
    );
    // Every other kill comes behind an answer, however slow the machine is.
    const before = answered;
    if (round % 2 === 1) await waitFor(() => answered > before, { what: "an answer" });
    await delay(SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS));
    await world.broker.kill();
    stop.abort();
    await Promise.all(workers);
    await world.broker.start();
    await agreed(`after kill ${round + 1}`);
  }
  expect(answered).toBeGreaterThanOrEqual(KILLS / 2);
  await guests.lease(world, guests.macOf("guest 1"));
  await agreed("at the end");
});

/** One container after the other: each added, and deleted again but for the first ones. */
async function comeAndGo(name: string, stop: AbortSignal): Promise<void> {
  for (let number = 0; !stop.aborted; number += 1) {
    const id = `${name}-${number}`;
    const holder = container(id, NETWORK);
    world.book.asked(holder);
    const added = await world.call({ verb: "ADD", id });
    if (added.code === 0) {
      answered += 1;
      world.book.held(holder, addressOf(added));
    }
    if (number < KEPT) continue;
    world.book.leaving(holder);
    const deleted = await world.call({ verb: "DEL", id });
    if (deleted.code !== 0) throw new Error(`a DEL was neither made nor kept: ${deleted.stdout}`);
    world.book.gone(holder);
  }
}

async function agreed(when: string): Promise<void> {
  let found: readonly string[] = [];
  await waitFor(async () => (found = await contradictions(world)).length === 0, {
    limit: SETTLE_LIMIT_MS,
    what: "agreement",
  }).catch(() => undefined);
  expect(found, `${when}\n${world.broker.logs().slice(-2_000)}`).toEqual([]);
}
