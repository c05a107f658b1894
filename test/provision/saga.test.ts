// init and teardown as a saga, on a cloud of three things that can be cut off before or after every single change.

import { describe, expect, test } from "vitest";
import { ipFromNumber } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Cloud, CloudPlan, CloudStep, Goal } from "#provision/cloud.ts";
import { type InitInput, prepareInit } from "#provision/init.ts";
import { type NodeIdentity, provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { prepareRemoval } from "#provision/removal.ts";
import type { SagaReport } from "#provision/saga.ts";
import { clientToken } from "#provision/token.ts";

const SLOTS = 3;
const identity: NodeIdentity = { instance: "i-1" };

/** What outlives the process: the cloud's things, and the pool file. */
class World {
  readonly things = new Map<string, string>();
  readonly tokens: string[] = [];
  pool: PoolFile | undefined;
  /** Changes, of cloud or file, until the process dies; after the change when `late`. */
  budget = Number.POSITIVE_INFINITY;
  late = false;
  limit = SLOTS;

  change(apply: () => void): void {
    const dies = this.budget-- === 0;
    if (dies && !this.late) throw new Killed();
    apply();
    if (dies) throw new Killed();
  }
}
class Killed extends Error {}

const stepOf = (slot: number, action: "make" | "remove" | "keep"): CloudStep => ({
  id: `${action === "remove" ? "remove" : "make"}/${slot}`,
  action,
  target: `thing ${slot}`,
  detail: "",
  changes: action === "keep" ? [] : ["Change"],
  reads: [],
  unit: `thing/${slot}`,
});

const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
const plan = (steps: readonly CloudStep[]): CloudPlan => ({ steps, warnings: [] });

function cloudOf(world: World): Cloud<ReadonlySet<string>> {
  return {
    platform: "volcengine",
    access: {
      detect: () => Promise.resolve(identity),
      observe: () => Promise.resolve(new Set(world.things.keys())),
      perform: async (step, run) => {
        const [action, slot = ""] = step.id.split("/");
        if (action === "make" && world.things.size >= world.limit)
          return { kind: "short", reason: "quota", hint: "raise it" };
        await run.note({ started: "yes" });
        world.change(() => {
          world.tokens.push(run.token);
          if (action === "make") world.things.set(slot, run.token);
          else world.things.delete(slot);
        });
        return { kind: "done", notes: { slot } };
      },
    },
    rules: {
      plan: (_, seen) =>
        plan(slots.map((slot) => stepOf(slot, seen.has(String(slot)) ? "keep" : "make"))),
      planRemoval: (_, seen) =>
        plan(slots.filter((slot) => seen.has(String(slot))).map((slot) => stepOf(slot, "remove"))),
      compare: () => [],
      publish: (_, seen) => ({
        primaryNIC: "eth0",
        secondaryNICs: [],
        ips: [...seen].map((slot) => ipFromNumber(4, 0x0a_00_00_10n + BigInt(slot))),
        eniIDs: [...seen],
        subnetID: "",
        aliasRangeName: "",
        vpcCIDRs: [],
        attachments: [],
        degraded: [],
      }),
    },
  };
}

const subnet = parsePrefix("10.0.0.0/24");
if (subnet === undefined) throw new Error("the subnet is none");
const goal: Goal = {
  nodeName: "node-1",
  subnet,
  gateway: ipFromNumber(4, subnet.base + 1n),
  poolSize: SLOTS,
  securityGroups: [],
  authorizeVpcIngress: false,
};
const quiet: SagaReport = { began: () => {}, waiting: () => {}, ended: () => {} };

const inputOf = (world: World): InitInput => ({
  goal,
  settings: { dnsServers: [], dropInternalAccess: false, dropCIDRs: [] },
  identity,
  existing: world.pool,
  save: async (pool) => world.change(() => (world.pool = pool)),
  now: () => 0,
  signal: new AbortController().signal,
});
const init = async (world: World) => (await prepareInit(cloudOf(world), inputOf(world))).run(quiet);
const remove = async (world: World) =>
  (
    await prepareRemoval(cloudOf(world), {
      ...inputOf(world),
      nodeName: goal.nodeName,
      includeUntagged: false,
    })
  ).run(quiet);
const stateOf = (world: World) => provisioningOf(world.pool)?.state;

/** Runs `work` with the process dying at its nth change, and says whether it came to that. */
async function killedAt(world: World, nth: number, late: boolean, work: () => Promise<unknown>) {
  world.budget = nth;
  world.late = late;
  const killed = await work().then(
    () => false,
    (thrown: unknown) => {
      if (thrown instanceof Killed) return true;
      throw thrown;
    },
  );
  world.budget = Number.POSITIVE_INFINITY;
  return killed;
}

/** Every point at which `work` can be killed, each in a world of its own. */
async function everyKill(
  begin: (world: World) => Promise<void>,
  work: (world: World) => Promise<unknown>,
  then: (world: World) => Promise<void>,
) {
  let points = 0;
  for (const late of [false, true])
    for (let nth = 0; ; nth++) {
      const world = new World();
      await begin(world);
      if (!(await killedAt(world, nth, late, () => work(world)))) break;
      points++;
      await then(world);
    }
  return points;
}

describe("init", () => {
  test("makes what is missing, publishes it, and does nothing the second time", async () => {
    const world = new World();
    await init(world);
    expect([stateOf(world), world.pool?.ips?.length, world.tokens.length]).toEqual([
      "complete",
      SLOTS,
      SLOTS,
    ]);
    await init(world);
    expect(world.tokens).toHaveLength(SLOTS);
  });

  test("killed before or after every change, the next run ends in the full state, without a second thing", async () => {
    const points = await everyKill(
      () => Promise.resolve(),
      init,
      async (world) => {
        expect(["provisioning", undefined, "complete"]).toContain(stateOf(world));
        await init(world);
        expect([stateOf(world), world.things.size, world.pool?.ips?.length]).toEqual([
          "complete",
          SLOTS,
          SLOTS,
        ]);
        expect(new Set(world.tokens).size).toBe(SLOTS);
      },
    );
    // The draft, then intent, note, change and result of each step, then the pool; before and after each.
    expect(points).toBe(2 * (1 + 4 * SLOTS + 1));
  });

  test("killed anywhere, teardown ends in nothing", async () => {
    const points = await everyKill(
      () => Promise.resolve(),
      init,
      async (world) => {
        await remove(world);
        expect(world.things.size).toBe(0);
      },
    );
    expect(points).toBeGreaterThan(0);
  });

  test("a limit in the middle publishes what stands, and says what does not", async () => {
    const world = new World();
    world.limit = 2;
    const { degraded } = await init(world);
    expect([stateOf(world), world.pool?.ips?.length, degraded]).toEqual([
      "degraded",
      2,
      ["thing 2: quota; raise it"],
    ]);
    world.limit = SLOTS;
    await init(world);
    expect([stateOf(world), world.pool?.ips?.length]).toEqual(["complete", SLOTS]);
  });

  test("a run that grows a usable pool leaves it usable when it is killed", async () => {
    const world = new World();
    world.limit = 2;
    await init(world);
    world.limit = SLOTS;
    expect(await killedAt(world, 3, true, () => init(world))).toBe(true);
    expect([stateOf(world), world.pool?.ips?.length]).toEqual(["degraded", 2]);
  });

  test("nothing at all is an error, not an empty pool", async () => {
    const world = new World();
    world.limit = 0;
    await expect(init(world)).rejects.toMatchObject({ code: "cloud-limit" });
    expect(stateOf(world)).toBe("provisioning");
  });

  test.each([
    ["another instance", { node: { instance: "i-2" } }, "cloud-conflict"],
    ["an adopted pool", { state: "adopted" }, "invalid-config"],
    ["a teardown that was cut off", { state: "removing" }, "provisioning-unfinished"],
  ] as const)("refuses %s", async (_what, change, code) => {
    const world = new World();
    await init(world);
    const recorded = provisioningOf(world.pool);
    if (world.pool === undefined) throw new Error("there is no pool");
    world.pool = { ...world.pool, extra: { provisioning: { ...recorded, ...change } } };
    await expect(init(world)).rejects.toMatchObject({ code });
    await expect(init(world)).rejects.toBeInstanceOf(BrokerError);
  });

  test("refuses another node name: what was made under the first one would be nobody's", async () => {
    const world = new World();
    expect(await killedAt(world, 2, true, () => init(world))).toBe(true);
    const renamed = { ...inputOf(world), goal: { ...goal, nodeName: "node-2" } };
    await expect(prepareInit(cloudOf(world), renamed)).rejects.toMatchObject({
      code: "invalid-config",
      hint: expect.stringContaining("--node-name node-1"),
    });
  });

  test("a journal of a later version is left to that version", async () => {
    const world = new World();
    await init(world);
    if (world.pool === undefined) throw new Error("there is no pool");
    world.pool = { ...world.pool, extra: { provisioning: { version: 2 } } };
    for (const run of [init, remove])
      await expect(run(world)).rejects.toMatchObject({
        code: "invalid-config",
        hint: expect.stringContaining("the version of cocoon-net that wrote it"),
      });
  });
});

describe("teardown", () => {
  test("killed before or after every change, the next run ends in nothing", async () => {
    const points = await everyKill(
      async (world) => void (await init(world)),
      remove,
      async (world) => {
        await remove(world);
        expect(world.things.size).toBe(0);
      },
    );
    expect(points).toBe(2 * (1 + 4 * SLOTS));
  });

  test("without a pool file it still removes what is seen", async () => {
    const world = new World();
    await init(world);
    world.pool = undefined;
    await remove(world);
    expect([world.things.size, world.pool]).toEqual([0, undefined]);
  });
});

test("a token is a UUID of version 5, the same for the same step and attempt only", () => {
  const token = clientToken("g", "make/1", 1);
  expect(token).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(clientToken("g", "make/1", 1)).toBe(token);
  const others = [
    clientToken("g", "make/1", 2),
    clientToken("g", "make/2", 1),
    clientToken("h", "make/1", 1),
  ];
  expect(new Set([token, ...others]).size).toBe(4);
});
