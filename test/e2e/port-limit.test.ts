// One port of the bridge against all others: many MACs, releases and declines in another's name, floods.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Mac, parseMac } from "#core/address.ts";
import { type GuestWire, openGuestWire } from "#test/crash/guest-wire.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type TestNode, startNode } from "#test/e2e/node.ts";
import { addPod, addressOf } from "#test/e2e/runtime.ts";

const SUBNET = "10.202.1.0/24";
const SERVER = "10.202.1.1";
const LIMIT = 4;
const VICTIM = mac("02:00:5e:20:00:01");
const NEIGHBOUR = mac("02:00:5e:20:00:02");

function mac(text: string): Mac {
  const parsed = parseMac(text);
  if (parsed === undefined) throw new Error(`no MAC: ${text}`);
  return parsed;
}
const invented = (number: number): Mac =>
  mac(
    `02:aa:00:00:${(number >> 8).toString(16).padStart(2, "0")}:${(number & 255).toString(16).padStart(2, "0")}`,
  );

interface Port extends AsyncDisposable {
  readonly wire: GuestWire;
}

/** A node whose ports may hold {@link LIMIT} addresses each, with two guests on ports of their own. */
async function limitedNode(limit = LIMIT) {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder());
  const config = join(folder.path, "config.yaml");
  await writeFile(config, `dhcp:\n  leasesPerPort: ${limit}\n`);
  const node = undo.use(
    await startNode({
      adopt: ["--subnet", SUBNET],
      daemon: ["--config", config, "--metrics-addr", "127.0.0.1:0"],
    }),
  );
  const attacker = undo.use(await wireOf(node, "attacker", "02:00:5e:20:00:66"));
  const victim = undo.use(await wireOf(node, "victim", VICTIM));
  const owned = undo.move();
  return {
    node,
    attacker: attacker.wire,
    victim: victim.wire,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function wireOf(node: TestNode, name: string, own: string): Promise<Port> {
  const { namespace } = await node.plugGuest(name, own);
  const wire = await openGuestWire(namespace, "eth0");
  return { wire, [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose]() };
}

/** The whole exchange; the address. */
async function bind(wire: GuestWire, of: Mac): Promise<string> {
  const offer = await wire.ask({ type: "discover", mac: of });
  const ack = await wire.ask({ type: "request", mac: of, requested: offer.ip, serverId: SERVER });
  expect(ack).toMatchObject({ type: "ack", ip: offer.ip });
  return ack.ip;
}

const metric = async (node: TestNode, name: string): Promise<number> => {
  const { body } = await node.broker.ask("GET", "/metrics");
  const line = String(body)
    .split("\n")
    .find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? "0");
};
const limited = 'cocoon_net_dhcp_dropped_total{reason="port-limit"}';

test("a port gets no more than its share, whatever MACs it invents, and others get theirs", async () => {
  await using setting = await limitedNode();
  const { node, attacker, victim } = setting;
  const addresses: string[] = [];
  for (let number = 0; number < LIMIT; number += 1)
    addresses.push(await bind(attacker, invented(number)));
  expect(new Set(addresses).size).toBe(LIMIT);
  const refused = await attacker.send({ type: "discover", mac: invented(LIMIT) });
  await waitFor(async () => (await metric(node, limited)) === 1, { what: "the refusal" });
  // Without an offer it asks for an address it has seen free: no better.
  const grabbed = await attacker.send({
    type: "request",
    mac: invented(99),
    requested: "10.202.1.200",
  });
  const own = await bind(victim, VICTIM);
  expect(await attacker.heard(refused)).toEqual([]);
  expect(await attacker.heard(grabbed)).toEqual([]);
  expect(await node.lease("10.202.1.200")).toBeUndefined();
  expect(await node.lease(own)).toMatchObject({ state: "leased", mac: VICTIM });
  await using net = await namespaces("pod");
  expect(addressOf(await addPod(node, { id: "pod", namespace: net.pod }))).toMatch(/^10\.202\.1\./);
  expect(node.broker.logs()).toContain('"event":"dhcp.limited"');

  // What it holds it keeps, and what it gives back it may use again.
  const [first = ""] = addresses;
  const renewed = await attacker.ask({ type: "request", mac: invented(0), ciaddr: first }, first);
  expect(renewed).toMatchObject({ type: "ack", ip: first });
  await attacker.send(
    { type: "release", mac: invented(0), ciaddr: first, serverId: SERVER },
    first,
  );
  await bind(attacker, invented(LIMIT));
});

test("a restarted broker counts what a port held before", async () => {
  await using setting = await limitedNode();
  const { node, attacker } = setting;
  for (let number = 0; number < LIMIT; number += 1) await bind(attacker, invented(number));
  await node.broker.kill();
  await node.broker.start();
  for (let number = 0; number < LIMIT; number += 1) await bind(attacker, invented(number));
  const refused = await attacker.send({ type: "discover", mac: invented(LIMIT) });
  await waitFor(async () => (await metric(node, limited)) === 1, { what: "the refusal" });
  expect(await attacker.heard(refused)).toEqual([]);
});

test.each(["release", "decline"] as const)(
  "a %s in another guest's name, from another port, does nothing",
  async (type) => {
    await using setting = await limitedNode();
    const { node, attacker, victim } = setting;
    const ip = await bind(victim, VICTIM);
    await bind(attacker, NEIGHBOUR);
    const spoof = { release: { ciaddr: ip }, decline: { requested: ip } }[type];
    const source = type === "release" ? ip : "0.0.0.0";
    // Frame, message and address all say that it is the victim; only the port does not.
    await attacker.send({ type, mac: VICTIM, serverId: SERVER, ...spoof }, source);
    await waitFor(() => node.broker.logs().includes('"event":"dhcp.spoofed"'), {
      what: "the event",
    });
    expect(await node.lease(ip)).toMatchObject({ state: "leased", mac: VICTIM });
    expect(await node.routeOf(ip)).toContain("dev cni0");
    // Through its own port the very same message is believed.
    await victim.send({ type: "discover", mac: VICTIM });
    await victim.send({ type, mac: VICTIM, serverId: SERVER, ...spoof }, source);
    const state = type === "release" ? "cooling" : "quarantined";
    await waitFor(async () => (await node.lease(ip))?.state === state, { what: `${ip} ${state}` });
  },
);

test.each([
  ["a RELEASE from another address", { type: "release" as const, own: true }, "10.202.1.77"],
  ["a RELEASE that names another server", { type: "release" as const, server: "10.202.1.9" }, ""],
  ["a DECLINE that names another server", { type: "decline" as const, server: "10.202.1.9" }, ""],
  ["a DECLINE of somebody else's address", { type: "decline" as const, of: NEIGHBOUR }, ""],
  ["a RELEASE of somebody else's address", { type: "release" as const, of: NEIGHBOUR }, ""],
])("%s does nothing", async (_what, { type, ...wrong }, from) => {
  await using setting = await limitedNode();
  const { node, attacker, victim } = setting;
  const ip = await bind(victim, VICTIM);
  await bind(attacker, NEIGHBOUR);
  const { server = SERVER, of = VICTIM } = wrong as { server?: string; of?: Mac };
  const wire = of === VICTIM ? victim : attacker;
  const address = type === "release" ? { ciaddr: ip } : { requested: ip };
  const source = from === "" ? (type === "release" ? ip : "0.0.0.0") : from;
  await wire.send({ type, mac: of, serverId: server, ...address }, source);
  // Its answer comes after what was sent before it.
  await wire.ask({ type: "discover", mac: of });
  expect(await node.lease(ip)).toMatchObject({ state: "leased", mac: VICTIM });
});

test("declines of one port after the other never take more than a quarter of the pool", async () => {
  await using setting = await limitedNode(0);
  const { node, attacker, victim } = setting;
  const { pool } = await node.status();
  const quarter = Math.floor(pool.size / 4);
  for (let number = 0; number < quarter + 20; number += 1) {
    const of = invented(number);
    const { ip } = await attacker.ask({ type: "discover", mac: of });
    await attacker.send({ type: "decline", mac: of, requested: ip, serverId: SERVER });
  }
  const { type } = await attacker.ask({ type: "discover", mac: invented(9_999) });
  expect(type).toBe("offer");
  const { pool: after } = await node.status();
  expect(after.quarantined).toBe(quarter);
  await bind(victim, VICTIM);
});

test("a flood from one port leaves the others their service, and the broker its size", async () => {
  await using setting = await limitedNode();
  const { node, attacker, victim } = setting;
  const ip = await bind(victim, VICTIM);
  for (let number = 0; number < 500; number += 1)
    await attacker.send({ type: "discover", mac: invented(1_000 + number) });
  const renewed = await victim.ask({ type: "request", mac: VICTIM, ciaddr: ip }, ip);
  expect(renewed).toMatchObject({ type: "ack", ip });
  await waitFor(async () => (await metric(node, limited)) === 500 - LIMIT, {
    what: "the refusals",
  });
  const { pool } = await node.status();
  expect(pool).toMatchObject({ offered: LIMIT, leased: 1 });
});
