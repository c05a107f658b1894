// The verbs of a start: a mirror that somebody else changed, and an address in use that nobody leased.

import { waitFor } from "#test/netns/wait-for.ts";
import { guest } from "./book.ts";
import * as guests from "./guest-scenarios.ts";
import { leasesOf } from "./oracle.ts";
import type { Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

const HOUR = 3_600_000;
/** Found addresses are of the pool's end, imported ones of its middle: far from where others are drawn. */
const FOUND_FROM = 240;
const IMPORTED_FROM = 200;
const LINK = "lo";
const FOUND = "unknown owner (seen by namespace)";

const tailOf = (name: string): number => Number(/\d+$/.exec(name)?.[0] ?? 0) % 10;
const starting = (world: World): Promise<void> => world.broker.start().catch(() => undefined);

/** It dies while it starts, or a moment later, when the mirror is due. */
async function startToDeath(world: World): Promise<void> {
  await starting(world);
  await waitFor(() => world.lastWords() !== undefined, { what: "the broker's death" });
}

/** A guest that the Go version served while no broker of ours ran. */
export const importing: Scenario = {
  async prepare(world, name) {
    await world.broker.stop();
    const mac = guests.macOf(name);
    const ip = `10.143.7.${IMPORTED_FROM + tailOf(name)}`;
    // The clock under test may run far ahead of the machine's.
    const expiry = new Date(Date.now() + 24 * HOUR).toISOString();
    await world.writeMirror([...(await world.readMirror()), { mac, ip, expiry }]);
    world.book.held(guest(mac), ip);
  },
  act: startToDeath,
  /** It asks for its address as guests do when they come back. */
  async repeat(world, name) {
    const mac = guests.macOf(name);
    const requested = world.book.ipOf(guest(mac));
    const { type, ip } = await world.wire.ask({ type: "request", mac, requested });
    if (type !== "ack" || ip !== requested) throw new Error(`${mac} got ${type} ${ip}`);
  },
  clear: guests.request.clear,
};

/** An address that a namespace uses without any record of ours. */
export const recovering: Scenario = {
  async prepare(world, name) {
    await world.broker.stop();
    const ip = `10.143.7.${FOUND_FROM + tailOf(name)}`;
    await world.pod.exec(["ip", "addr", "add", `${ip}/32`, "dev", LINK]);
    // Evidence is a process that lives there.
    world.pod.spawn(["sleep", "1000"]);
    world.book.held(FOUND, ip);
  },
  act: startToDeath,
  async repeat(world) {
    const ip = world.book.ipOf(FOUND);
    const kept = (await leasesOf(world.broker)).some(
      (lease) => lease.ip === ip && lease.owner === FOUND,
    );
    if (!kept) throw new Error(`${ip} is in use and not kept back`);
  },
  async clear(world) {
    const ip = world.book.ipOf(FOUND);
    await world.pod.exec(["ip", "addr", "del", `${ip}/32`, "dev", LINK]);
    const { status } = await world.broker.ask("DELETE", `/v1/leases/${ip}`);
    if (status !== 200) throw new Error(`the found address could not be released: ${status}`);
    world.book.gone(FOUND);
  },
};
