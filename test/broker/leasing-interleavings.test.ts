// The one writer under any interleaving of commands, commits and routes that end well or badly, in any order of answers.

import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { mac } from "#test/core/lease-fixtures.ts";
import { type Failing, World, settle } from "./leasing-world.ts";

const containers = ["a", "b", "c"] as const;
const containerMacs = [mac(0xa), mac(0xb), mac(0xc)] as const;
const guests = [mac(1), mac(2)] as const;

const which = fc.nat({ max: 2 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("add" as const), which) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("del" as const), which) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("confirm" as const), which) },
  { weight: 3, arbitrary: fc.tuple(fc.constant("request" as const), fc.nat({ max: 4 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("request as container" as const), which) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("release" as const), which) },
  { weight: 8, arbitrary: fc.tuple(fc.constant("commit" as const), fc.nat({ max: 4 })) },
  { weight: 5, arbitrary: fc.tuple(fc.constant("routes answer" as const), fc.nat({ max: 4 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("kernel" as const), fc.nat({ max: 3 })) },
);
const asks = fc.tuple(fc.constantFrom("ask 0" as const, "ask 1" as const), fc.nat({ max: 4 }));
/** A resync may look at memory that a commit has yet to make true. */
const resyncs = fc.tuple(fc.constantFrom("resync" as const, "resync goes on" as const), fc.nat(0));
const kernels: readonly Failing[] = ["nothing", "adding", "deleting", "everything"];
/** Commits end badly once in five times. */
const BAD_COMMIT = 0;

async function act(world: World, [kind, number]: readonly [string, number]): Promise<void> {
  const id = containers[number % containers.length] ?? "a";
  const own = containerMacs[number % containers.length];
  const guest = guests[number % guests.length] ?? guests[0];
  switch (kind) {
    case "add":
      return void world.add(id, own);
    case "ask 0":
      return void world.add("a", containerMacs[0], number);
    case "ask 1":
      return void world.add("b", undefined, number);
    case "del":
      return void world.del(id);
    case "confirm":
      return void world.confirm(id);
    case "request":
      return void world.request(guest, number);
    case "request as container":
      return void world.request(own ?? guest, number);
    case "release":
      return void world.release(guest);
    case "commit":
      return world.endCommit(number === BAD_COMMIT ? new Error("no space left") : undefined);
    case "routes answer":
      return world.endRouting(number);
    case "kernel":
      world.failing = kernels[number] ?? "nothing";
      return settle();
    case "resync":
      return void world.resync();
    case "resync goes on":
      return world.endRead();
    default:
      throw new Error(`no such step: ${kind}`);
  }
}

async function play(steps: readonly (readonly [string, number])[]): Promise<World> {
  const world = new World();
  for (const one of steps) await act(world, one);
  await world.calm();
  return world;
}

afterEach(() => void vi.useRealTimers());

const RUNS = { numRuns: 400 };
const length = { minLength: 5, maxLength: 40 };

test("disk, memory, kernel and what was promised agree after any interleaving and any failures", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, length), async (steps) => (await play(steps)).check()),
    RUNS,
  );
});

test("they agree also when routes are put right in the middle of it, and containers ask for other addresses", async () => {
  const steps = fc.array(fc.oneof({ weight: 8, arbitrary: step }, resyncs, asks), length);
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const world = await play(all);
      await world.putRight();
      world.check();
    }),
    RUNS,
  );
});

test("a lease that a guest was told of is kept, though it was a container's whose route had failed", async () => {
  const world = new World();
  world.failing = "adding";
  void world.add("a", containerMacs[0]);
  await settle();
  await world.endCommit();
  world.failing = "nothing";
  void world.request(containerMacs[0], 0);
  await settle();
  await world.calm();
  world.check();
  expect([...world.ledger.leases()].map(({ state }) => state)).toEqual(["leased"]);
});

test("a lease that could not be taken back when the commit failed is taken back by the next group", async () => {
  const world = new World();
  world.failing = "adding";
  void world.add("a");
  await settle();
  await world.endCommit();
  await world.endRouting(0);
  expect(world.commits).toBe(1);
  await world.endCommit(new Error("no space left"));
  expect([...world.ledger.leases()].map(({ state }) => state)).toEqual(["leased"]);
  await world.calm();
  world.check();
  expect([...world.ledger.leases()].map(({ state }) => state)).toEqual(["cooling"]);
});

test("a confirmation is in the next group, however many commands wait in front of it", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const world = new World();
  void world.add("a");
  await settle();
  await world.endCommit();
  await world.endRouting(0);
  for (let command = 0; command < 1_000; command += 1) void world.del(`x${command}`);
  await settle();
  void world.confirm("a");
  await world.endCommit();
  await world.endCommit();
  expect([...world.ledger.provisional()]).toEqual([]);
  await world.calm();
  world.check();
});
