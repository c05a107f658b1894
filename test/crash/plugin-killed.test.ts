// kill -9 of the plugin at random moments of its few milliseconds: no address leaks, none is doubled, and DEL always mends.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { COCOON_IPAM } from "#test/netns/broker.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { container } from "./book.ts";
import { contradictions, leasesOf } from "./oracle.ts";
import { NETWORK, callEnvironment, confText, succeeded } from "./plugin.ts";
import { type World, makeWorld } from "./world.ts";

const KILLS = 200;
/** The life of a call is about a millisecond; a kill that comes later finds nobody. */
const LATEST_KILL_MS = 6;
const SEED = 20_261_121;

let world: World;
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

it(`keeps its word after ${KILLS} killed ADDs`, async () => {
  const random = numbersFrom(SEED);
  const ids = Array.from({ length: KILLS }, (_, index) => `killed-${index}`);
  const told: boolean[] = [];
  for (const id of ids) {
    world.book.asked(container(id, NETWORK));
    told.push(await killedAdd(id, random() * LATEST_KILL_MS));
  }
  // Each address in the ledger belongs to one that asked; what was delivered is there, the rest provisional or absent.
  await settled();
  expect(told).toContain(true);
  expect(told).toContain(false);
  const leased = (await leasesOf(world.broker)).filter(({ state }) => state === "leased");
  expect(leased.length).toBeGreaterThanOrEqual(told.filter(Boolean).length);

  for (const id of ids) {
    succeeded(await world.call({ verb: "DEL", id }));
    world.book.gone(container(id, NETWORK));
  }
  await settled();
  const states = new Set((await leasesOf(world.broker)).map(({ state }) => state));
  expect([...states]).toEqual(["cooling"]);
});

it("releases what a killed DEL was to release, when the DEL comes again", async () => {
  const random = numbersFrom(SEED + 1);
  for (let index = 0; index < KILLS / 4; index += 1) {
    const id = `half-released-${index}`;
    await world.add(id);
    world.book.leaving(container(id, NETWORK));
    const { code } = await killed("DEL", id, random() * LATEST_KILL_MS);
    if (code === 0) world.book.gone(container(id, NETWORK));
    await settled();
    succeeded(await world.call({ verb: "DEL", id }));
    world.book.gone(container(id, NETWORK));
  }
  await settled();
});

async function settled(): Promise<void> {
  let found: readonly string[] = [];
  await waitFor(async () => (found = await contradictions(world)).length === 0, {
    limit: 5_000,
    what: "agreement",
  }).catch(() => undefined);
  expect(found).toEqual([]);
}

/** Whether the result came out whole before the kill: then somebody may count on the address. */
async function killedAdd(id: string, after: number): Promise<boolean> {
  const { output } = await killed("ADD", id, after);
  try {
    const result = JSON.parse(output) as { ips?: { address: string }[]; code?: number };
    const address = result.ips?.[0]?.address;
    if (address === undefined) return false;
    world.book.held(container(id, NETWORK), address.replace(/\/\d+$/, ""));
    return true;
  } catch {
    return false;
  }
}

/** `code` is null for one that had no time to end by itself. */
async function killed(
  verb: "ADD" | "DEL",
  id: string,
  after: number,
): Promise<{ code: number | null; output: string }> {
  const call = { verb, id };
  const child = spawn(COCOON_IPAM, [], { env: callEnvironment(world.pod.path, call), cwd: "/" });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (output += part));
  child.stdin.on("error", () => undefined);
  child.stdin.end(confText(world.broker, call));
  const closed = once(child, "close");
  await delay(after);
  child.kill("SIGKILL");
  const [code] = (await closed) as [number | null];
  return { code, output };
}

/** The same numbers from 0 to 1 each run (mulberry32). */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
