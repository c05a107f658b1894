// The demo of a cloud: plan, a killed init, the same again, the broker, a guest by the cloud's link, status, teardown, audit.
import { readPool } from "#test/cloud-e2e/answers.ts";
import { openGkeWorld } from "#test/cloud-e2e/gke-world.ts";
import { killAt } from "#test/cloud-e2e/kill.ts";
import { plugGuest, reach, serve } from "#test/cloud-e2e/serving.ts";
import { openVolcengineWorld } from "#test/cloud-e2e/volcengine-world.ts";
import { AT_ONCE } from "#test/cloud-e2e/volcengine-scenario.ts";
import { BEYOND } from "#test/cloud-e2e/vpc.ts";
import type { World } from "#test/cloud-e2e/world.ts";
import { numberedSteps, seconds, type Steps } from "#test/demo/steps.ts";

const STEPS = 10;

type Cloud = {
  readonly name: string;
  readonly open: () => Promise<World>;
  /** The call at which init is killed: it is carried out, and its answer is never read. */
  readonly killedAt: string;
};

const clouds: Readonly<Record<string, Cloud>> = {
  gke: { name: "GKE", open: openGkeWorld, killedAt: "subnetworks.patch" },
  volcengine: {
    name: "Volcengine",
    open: () => openVolcengineWorld({ settings: AT_ONCE }),
    killedAt: "AttachNetworkInterface",
  },
};

async function demonstrate(steps: Steps, { name, open, killedAt }: Cloud): Promise<void> {
  await using world = await steps.step(
    `a node on a fake ${name}: API and metadata over its primary NIC`,
    open,
  );
  const { node, fake, init } = world;
  const command = `cocoon-net ${init.join(" ")}`;
  steps.show(
    await steps.step(`${command} --dry-run: the plan, nothing is changed`, () =>
      node.cocoonNet(...init, "--dry-run"),
    ),
  );
  await steps.step(`the same without --dry-run, kill -9 right after ${killedAt}`, () =>
    killAt(world, { command: "init", action: killedAt, nth: 1, when: "after" }),
  );
  steps.show(`provisioning: ${(await readPool(node)).provisioning.state}`);
  const again = await steps.step("the same again: it goes on from there", () =>
    node.tryCocoonNet(...init),
  );
  steps.show(again.stderr);
  if (again.code !== 0) throw new Error(`it ended with ${again.code}`);
  await serveGuest(steps, world);
  const removed = await steps.step("cocoon-net teardown", () => node.tryCocoonNet("teardown"));
  steps.show(removed.stderr);
  if (removed.code !== 0) throw new Error(`it ended with ${removed.code}`);
  const left = await steps.step("the fake cloud's own audit", () => world.leftovers());
  const unexpected = await fake.unexpected();
  if (left.length > 0 || unexpected.length > 0)
    throw new Error(`left or touched: ${[...left, JSON.stringify(unexpected)].join("; ")}`);
  steps.show("nothing of ours is left, nothing of others was touched");
}

async function serveGuest(steps: Steps, world: World): Promise<void> {
  const { node } = world;
  await using broker = await steps.step("cocoon-net daemon, until it is ready", () => serve(world));
  {
    await using guest = await steps.step("a guest on the bridge gets its address by DHCP", () =>
      plugGuest(world, 1),
    );
    const { inside, beyond } = await steps.step("pings between guest, VPC and the world", () =>
      reach(world, guest),
    );
    steps.show(`the guest is ${guest.address}`);
    steps.show(`to ${world.host} in the VPC: by ${inside.link}, from ${inside.from}`);
    steps.show(`to ${BEYOND} beyond it: by ${beyond.link}, from ${beyond.from} (the node's own)`);
    if (inside.from !== guest.address || beyond.from !== world.nodeAddress)
      throw new Error("the packets carried other addresses than they must");
    steps.show(await steps.step("cocoon-net status", () => node.cocoonNet("status")));
  }
  await broker.stop();
}

// Process 1 of its namespace gets no signal that it does not ask for; its end is the end of all it started.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(130));
}
const wanted = process.argv[2] ?? "";
const cloud = clouds[wanted];
if (cloud === undefined) throw new Error(`usage: cloud-demo.ts ${Object.keys(clouds).join("|")}`);
const steps = numberedSteps(STEPS);
try {
  await demonstrate(steps, cloud);
  console.log(`OK: ${cloud.name}, shown in ${seconds(steps.elapsed())}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error("demo: failed; the step above says where");
  process.exitCode = 1;
}
