// A node's whole life on either cloud, by the built command: plan, init, broker, guests through the right link, teardown.
import { describe, expect, test } from "vitest";
import { changesOf, cloudSideOf, readPool, stepsOf } from "./answers.ts";
import { openGkeWorld } from "./gke-world.ts";
import { plugGuest, reach, serve } from "./serving.ts";
import { traces } from "./traces.ts";
import { AT_ONCE } from "./volcengine-scenario.ts";
import { openVolcengineWorld } from "./volcengine-world.ts";
import { farLink, PRIMARY_LINK } from "./vpc.ts";
import type { World } from "./world.ts";

const JOURNEY_LIMIT_MS = 240_000;
/** Two interfaces' worth: each brings three addresses. */
const GUESTS = [1, 2, 3, 4];
const clouds: readonly [string, () => Promise<World>][] = [
  ["gke", openGkeWorld],
  ["volcengine", () => openVolcengineWorld({ settings: AT_ONCE })],
];

/** The far end of the link that owns an address: on GKE the primary NIC brings them all. */
async function linkOf(world: World, address: string): Promise<string> {
  const { attachments } = (await readPool(world.node)).provisioning;
  const owner = attachments.find(({ ips }) => ips.includes(address));
  return owner === undefined ? PRIMARY_LINK : farLink(owner);
}

/** Every guest has an address of the pool, and its packets take the link of that address; gives the links. */
async function guestsAnswer(world: World): Promise<readonly string[]> {
  const pool = await readPool(world.node);
  await using guests = new AsyncDisposableStack();
  const links: string[] = [];
  for (const number of GUESTS) {
    const guest = guests.use(await plugGuest(world, number));
    expect(pool.ips).toContain(guest.address);
    const link = await linkOf(world, guest.address);
    const passing = await reach(world, guest);
    expect(passing.inside).toEqual({ link, from: guest.address, to: world.host });
    expect(passing.beyond).toMatchObject({ link: PRIMARY_LINK, from: world.nodeAddress });
    links.push(link);
  }
  return [...new Set(links)];
}

describe.each(clouds)("on %s", (platform, open) => {
  test(
    "a node is made as planned, serves guests through the cloud's links, and is gone without a trace",
    async () => {
      await using world = await open();
      const { node, fake } = world;
      const before = await traces(world);

      const planned = stepsOf(await node.cocoonNet(...world.init, "--dry-run", "--output", "json"));
      expect(await fake.changingCalls()).toEqual([]);
      expect(await traces(world)).toEqual(before);
      const made = stepsOf(await node.cocoonNet(...world.init, "--output", "json"));
      expect(made).toEqual(planned);
      expect(await fake.changingCalls()).toEqual(changesOf(planned));
      expect(changesOf(planned).length).toBeGreaterThan(0);
      expect(await readPool(node)).toMatchObject({ provisioning: { state: "complete" } });
      world.check();

      const broker = await serve(world);
      const links = await guestsAnswer(world);
      expect(links).toHaveLength(platform === "gke" ? 1 : 2);
      const status = cloudSideOf(await node.cocoonNet("status", "--output", "json"));
      expect(status).toMatchObject({ platform, state: "complete", differences: [] });
      expect(status.unread).toBeUndefined();
      expect(await broker.stop()).toBe(0);

      await fake.forgetCalls();
      const removal = stepsOf(await node.cocoonNet("teardown", "--dry-run", "--output", "json"));
      expect(await fake.changingCalls()).toEqual([]);
      const removed = stepsOf(await node.cocoonNet("teardown", "--output", "json"));
      expect(removed).toEqual(removal);
      expect(await fake.changingCalls()).toEqual(changesOf(removal));
      expect(await world.leftovers()).toEqual([]);
      expect(await traces(world)).toEqual(before);

      await node.cocoonNet("teardown", "--platform", platform);
      expect(await world.leftovers()).toEqual([]);
      expect(await fake.unexpected()).toEqual([]);
      world.check();
    },
    JOURNEY_LIMIT_MS,
  );
});
