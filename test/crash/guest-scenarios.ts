// The verbs that guests bring, as datagrams on a real wire.

import type { Mac } from "#core/address.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { guest } from "./book.ts";
import { leasesOf } from "./oracle.ts";
import { type Scenario, nothing } from "./scenario.ts";
import { GATEWAY, type World } from "./world.ts";

/** The shortest lease that the server gives, in seconds; its option 51. */
const SHORT_LEASE = 120;
const LEASE_TIME = 51;
const MILLISECONDS = 1_000;

/** A MAC out of a scenario's name, the same each time. */
export function macOf(name: string): Mac {
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0);
  const tail = [number >>> 8, number & 0xff].map((octet) => octet.toString(16).padStart(2, "0"));
  return `02:67:00:00:${tail.join(":")}` as Mac;
}

const shortLease = { [LEASE_TIME]: [0, 0, SHORT_LEASE >> 8, SHORT_LEASE & 0xff] };

/** DISCOVER and REQUEST to the end: the address is in the book. */
export async function lease(world: World, mac: Mac, more = {}): Promise<string> {
  world.book.asked(guest(mac));
  const { ip } = await world.wire.ask({ type: "discover", mac, more });
  const answer = await world.wire.ask({
    type: "request",
    mac,
    requested: ip,
    serverId: GATEWAY,
    more,
  });
  if (answer.type !== "ack") throw new Error(`${mac} asked for ${ip} and got ${answer.type}`);
  world.book.held(guest(mac), answer.ip);
  return answer.ip;
}

async function giveBack(world: World, mac: Mac): Promise<void> {
  const held = (await leasesOf(world.broker)).find(
    ({ owner, state }) => owner === guest(mac) && state === "leased",
  );
  if (held === undefined) return;
  world.book.leaving(guest(mac));
  await world.wire.send({ type: "release", mac, ciaddr: held.ip, serverId: GATEWAY }, held.ip);
  await leaseEnds(world, mac);
}

async function leaseEnds(world: World, mac: Mac): Promise<void> {
  await waitFor(
    async () =>
      !(await leasesOf(world.broker)).some(
        ({ owner, state }) => owner === guest(mac) && state === "leased",
      ),
    { what: `the end of the lease of ${mac}` },
  );
  world.book.gone(guest(mac));
}

const died = (world: World): Promise<unknown> =>
  waitFor(() => world.lastWords() !== undefined, { what: "the broker's death" });

export const discover: Scenario = {
  prepare: nothing,
  async act(world, name) {
    await world.wire.send({ type: "discover", mac: macOf(name) });
    await died(world);
  },
  async repeat(world, name) {
    const answer = await world.wire.ask({ type: "discover", mac: macOf(name) });
    if (answer.type !== "offer") throw new Error(`a DISCOVER was answered with ${answer.type}`);
  },
  clear: nothing,
};

export const request: Scenario = {
  prepare: nothing,
  async act(world, name) {
    const mac = macOf(name);
    world.book.asked(guest(mac));
    const { ip } = await world.wire.ask({ type: "discover", mac });
    const xid = await world.wire.send({ type: "request", mac, requested: ip, serverId: GATEWAY });
    await died(world);
    const acknowledged = (await world.wire.heard(xid)).find(({ type }) => type === "ack");
    if (acknowledged !== undefined) world.book.held(guest(mac), acknowledged.ip);
  },
  /** A guest that was promised an address asks for that very one; it must be told the same. */
  async repeat(world, name) {
    await lease(world, macOf(name));
  },
  clear: (world, name) => giveBack(world, macOf(name)),
};

export const dhcpRelease: Scenario = {
  async prepare(world, name) {
    await lease(world, macOf(name));
  },
  async act(world, name) {
    const mac = macOf(name);
    const ip = world.book.ipOf(guest(mac));
    world.book.leaving(guest(mac));
    await world.wire.send({ type: "release", mac, ciaddr: ip, serverId: GATEWAY }, ip);
    await died(world);
  },
  async repeat(world, name) {
    await giveBack(world, macOf(name));
    world.book.gone(guest(macOf(name)));
  },
  clear: nothing,
};

export const decline: Scenario = {
  prepare: dhcpRelease.prepare,
  async act(world, name) {
    const mac = macOf(name);
    const requested = world.book.ipOf(guest(mac));
    world.book.leaving(guest(mac));
    await world.wire.send({ type: "decline", mac, requested, serverId: GATEWAY });
    await died(world);
  },
  async repeat(world, name) {
    const mac = macOf(name);
    const requested = world.book.ipOf(guest(mac));
    await world.wire.send({ type: "decline", mac, requested, serverId: GATEWAY });
    await waitFor(
      async () =>
        (await leasesOf(world.broker)).some(
          ({ ip, state }) => ip === requested && state === "quarantined",
        ),
      { what: `the quarantine of ${requested}` },
    );
    world.book.gone(guest(mac));
  },
  /** Its address waits in quarantine; an operator could not end that, and the pool is large enough. */
  clear: nothing,
};

export const inform: Scenario = {
  prepare: dhcpRelease.prepare,
  async act(world, name) {
    const mac = macOf(name);
    const ciaddr = world.book.ipOf(guest(mac));
    await world.wire.send({ type: "inform", mac, ciaddr }, ciaddr);
    await died(world);
  },
  async repeat(world, name) {
    const mac = macOf(name);
    const ciaddr = world.book.ipOf(guest(mac));
    const answer = await world.wire.ask({ type: "inform", mac, ciaddr }, ciaddr);
    if (answer.type !== "ack") throw new Error(`an INFORM was answered with ${answer.type}`);
  },
  clear: request.clear,
};

/** Time ends a short lease. */
export const sweep: Scenario = {
  async prepare(world, name) {
    const ip = await lease(world, macOf(name), shortLease);
    // What the start itself has to mirror is out of the way then.
    await waitFor(async () => (await world.readMirror()).some((row) => row.ip === ip), {
      what: `${ip} in leases.json`,
    });
  },
  async act(world, name) {
    world.book.leaving(guest(macOf(name)));
    world.advance((SHORT_LEASE + 1) * MILLISECONDS);
    await died(world);
  },
  repeat: (world, name) => leaseEnds(world, macOf(name)),
  clear: nothing,
};
