// The verbs that the plugin and the operator bring: each through the built plugin, or the API.

import { waitFor } from "#test/netns/wait-for.ts";
import { container } from "./book.ts";
import { leasesOf } from "./oracle.ts";
import { NETWORK, addressOf, succeeded } from "./plugin.ts";
import { type Scenario, nothing } from "./scenario.ts";
import type { World } from "./world.ts";

/** GC is about a network of its own, so that it leaves the other containers alone. */
const SWEPT_NETWORK = "sweptnet";

const holder = (id: string, network = NETWORK) => container(id, network);

/** A DEL that succeeds is a promise, whether a broker took it or the spool. */
async function del(world: World, id: string, network = NETWORK): Promise<void> {
  if (world.book.entry(holder(id, network)) !== undefined) world.book.leaving(holder(id, network));
  succeeded(await world.call({ verb: "DEL", id, network }));
  world.book.gone(holder(id, network));
}

const addAct = async (world: World, id: string): Promise<void> => {
  world.book.asked(holder(id));
  const done = await world.call({ verb: "ADD", id });
  if (done.code === 0) world.book.held(holder(id), addressOf(done));
};

export const add: Scenario = {
  prepare: nothing,
  act: addAct,
  async repeat(world, id) {
    await world.add(id);
  },
  clear: (world, id) => del(world, id),
};

/** The result is out, its confirmation may not have come through: a second ADD confirms. */
export const confirm: Scenario = {
  ...add,
  async repeat(world, id) {
    const ip = await world.add(id);
    await waitFor(
      async () =>
        (await leasesOf(world.broker)).find((lease) => lease.ip === ip)?.provisional === false,
      { what: `the confirmation of ${id}` },
    );
  },
};

export const release: Scenario = {
  async prepare(world, id) {
    await world.add(id);
  },
  act: (world, id) => del(world, id),
  repeat: (world, id) => del(world, id),
  clear: nothing,
};

/** A DEL without a broker, taken up from the spool by the next one at its start. */
export const spooledRelease: Scenario = {
  async prepare(world, id) {
    await world.add(id);
    await world.broker.stop();
    await del(world, id);
  },
  act: (world) => world.broker.start().catch(() => undefined),
  repeat: (world, id) => del(world, id),
  clear: nothing,
};

async function check(world: World, id: string) {
  const ip = world.book.ipOf(holder(id));
  const prevResult = { cniVersion: "1.1.0", ips: [{ address: `${ip}/24` }] };
  return world.call({ verb: "CHECK", id, conf: { prevResult } });
}

export const checking: Scenario = {
  prepare: release.prepare,
  async act(world, id) {
    await check(world, id);
  },
  repeat: async (world, id) => succeeded(await check(world, id)),
  clear: (world, id) => del(world, id),
};

const collect = (world: World) =>
  world.call({ verb: "GC", network: SWEPT_NETWORK, conf: { "cni.dev/valid-attachments": [] } });

export const collecting: Scenario = {
  async prepare(world, id) {
    await world.add(id, SWEPT_NETWORK);
  },
  async act(world, id) {
    world.book.leaving(holder(id, SWEPT_NETWORK));
    if ((await collect(world)).code === 0) world.book.gone(holder(id, SWEPT_NETWORK));
  },
  async repeat(world, id) {
    succeeded(await collect(world));
    world.book.gone(holder(id, SWEPT_NETWORK));
  },
  clear: nothing,
};

export const status: Scenario = {
  prepare: nothing,
  async act(world) {
    await world.call({ verb: "STATUS" });
  },
  repeat: async (world) => succeeded(await world.call({ verb: "STATUS" })),
  clear: nothing,
};

const forget = (world: World, ip: string) => world.broker.ask("DELETE", `/v1/leases/${ip}`);

export const forgetting: Scenario = {
  prepare: release.prepare,
  async act(world, id) {
    const ip = world.book.ipOf(holder(id));
    world.book.leaving(holder(id));
    const answer = await forget(world, ip).catch(() => undefined);
    if (answer?.status === 200) world.book.gone(holder(id));
  },
  async repeat(world, id) {
    const lease = (await leasesOf(world.broker)).find((one) => one.owner === holder(id));
    if (lease?.state === "leased") {
      const { status: code } = await forget(world, lease.ip);
      if (code !== 200) throw new Error(`DELETE of ${lease.ip} was answered with ${code}`);
    }
    world.book.gone(holder(id));
  },
  clear: nothing,
};
