// What runtimes and guests do to the real node: each call is a real process or real packets, each answer goes into the book.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Mac } from "#core/address.ts";
import { container, guest } from "#test/crash/book.ts";
import type { Heard } from "#test/crash/guest-wire.ts";
import { NETWORK, addressOf, callEnvironment, callPlugin, confText } from "#test/crash/plugin.ts";
import { COCOON_IPAM } from "#test/netns/broker.ts";
import type { Random } from "./random.ts";
import { GATEWAY, type RealNode } from "./real-node.ts";

/** How long a guest listens before it gives up; it comes again in a later round. */
const PATIENCE_MS = 150;
const LOOK_MS = 10;
/** The life of a plugin's call is a few milliseconds. */
const LATEST_KILL_MS = 6;
const EXHAUSTED = "no IP addresses available in range set";

export interface Tally {
  operations: number;
  full: number;
  readonly byOperation: Record<string, number>;
}

export interface Caller {
  readonly world: RealNode;
  readonly random: Random;
  readonly tally: Tally;
  /** How many containers each slot has had. */
  readonly generations: number[];
}

const count = ({ tally }: Caller, name: string): void =>
  void (tally.byOperation[name] = (tally.byOperation[name] ?? 0) + 1);

/** One call for the slot: ADD, ADD again, a killed ADD, or DEL, as its state and chance have it. */
export async function containerCall(caller: Caller, slot: number): Promise<void> {
  const { world, random, generations } = caller;
  const { book, broker, pods } = world;
  const netns = pods[slot]?.path ?? "";
  const id = `t${slot}-${generations[slot] ?? 0}`;
  const holder = container(id, NETWORK);
  const state = book.entry(holder)?.state;
  const known = state === "held" || state === "asked" || state === "leaving";
  if (known && random.chance(0.7)) {
    count(caller, "del");
    book.leaving(holder);
    const { code, stdout } = await callPlugin(broker, netns, { verb: "DEL", id });
    if (code !== 0) throw new Error(`a DEL was neither made nor kept: ${stdout}`);
    book.gone(holder);
    generations[slot] = (generations[slot] ?? 0) + 1;
    return;
  }
  if (state === "leaving") return;
  if (state !== "held") book.asked(holder);
  if (random.chance(0.15)) {
    count(caller, "killed add");
    const told = await killedAdd(world, netns, id, random.real() * LATEST_KILL_MS);
    if (told !== undefined) book.held(holder, told);
    return;
  }
  count(caller, "add");
  const answer = await callPlugin(broker, netns, { verb: "ADD", id });
  if (answer.code === 0) book.held(holder, addressOf(answer));
  else if (answer.stdout.includes(EXHAUSTED)) caller.tally.full += 1;
}

/** The address, if the result came out whole before the kill. */
async function killedAdd(
  { broker }: RealNode,
  netns: string,
  id: string,
  after: number,
): Promise<string | undefined> {
  const call = { verb: "ADD", id } as const;
  const child = spawn(COCOON_IPAM, [], { env: callEnvironment(netns, call), cwd: "/" });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (output += part));
  child.stdin.on("error", () => undefined);
  child.stdin.end(confText(broker, call));
  const closed = once(child, "close");
  await delay(after);
  child.kill("SIGKILL");
  await closed;
  const address = /"address": ?"([\d.]+)\//.exec(output)?.[1];
  return output.trimEnd().endsWith("}") ? address : undefined;
}

const macOf = (number: number): Mac =>
  `02:cb:40:00:00:${number.toString(16).padStart(2, "0")}` as Mac;

/** One conversation of a guest: it boots, renews, or gives back. */
export async function guestCall(caller: Caller, number: number): Promise<void> {
  const { world, random } = caller;
  const { book, wire } = world;
  const mac = macOf(number);
  const holder = guest(mac);
  const entry = book.entry(holder);
  if (entry?.state === "held" && entry.ip !== undefined) {
    if (random.chance(0.5)) {
      count(caller, "release");
      book.leaving(holder);
      await wire.send({ type: "release", mac, ciaddr: entry.ip, serverId: GATEWAY }, entry.ip);
      return;
    }
    count(caller, "renew");
    const xid = await wire.send({ type: "request", mac, ciaddr: entry.ip }, entry.ip);
    hear(caller, mac, await listen(world, xid));
    return;
  }
  count(caller, "boot");
  const offer = await listen(world, await wire.send({ type: "discover", mac }));
  if (offer === undefined) return;
  book.asked(holder);
  const request = { type: "request", mac, requested: offer.ip, serverId: GATEWAY } as const;
  const xid = await wire.send(request);
  if (random.chance(0.2)) await wire.send({ ...request, xid });
  hear(caller, mac, await listen(world, xid));
}

function hear({ world }: Caller, mac: Mac, reply: Heard | undefined): void {
  if (reply?.type === "ack") world.book.held(guest(mac), reply.ip);
  const entry = world.book.entry(guest(mac));
  if (reply?.type === "nak" && entry?.state === "held")
    throw new Error(`${mac} holds ${entry.ip} and was refused it`);
}

async function listen({ wire }: RealNode, xid: number): Promise<Heard | undefined> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const reply = (await wire.heard(xid))[0];
    if (reply !== undefined || performance.now() >= end) return reply;
    await delay(LOOK_MS);
  }
}
