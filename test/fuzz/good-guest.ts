// A process in a guest's namespace: whole DHCP exchanges, one after the other, by guests that keep to the rules.

import { argv, stdin, stdout } from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { ipv4FromUint, macToBytes, parseMac } from "#core/address.ts";
import { messageTypes } from "#broker/dhcp/message.ts";
import { options, readOption } from "#broker/dhcp/options.ts";
import { type Packet, decodePacket } from "#broker/dhcp/packet.ts";
import { type ClientPacket, clientPacket } from "#test/dhcp/client-packet.ts";
import { openWire } from "./wire.ts";

/** Guests that take turns, so that none asks more often than one may. */
const GUESTS = 6;
/** As a real client: how long it waits before it asks again, and how often. */
const PATIENCE_MS = 2_000;
const TRIES = 5;
const LOOK_EVERY_MS = 2;
const PAUSE_MS = 300;

const [, , link = "eth0", server = "10.207.0.1"] = argv;
const wire = openWire(link, true);
const addresses = new Map<number, string>();
const told = { exchanges: 0, failed: 0, repeated: 0, failures: [] as string[] };
let xid = 0x7000_0000;
let running = true;
const orders = createInterface(stdin);
// "pause" and "go on" leave the broker alone while its memory is looked at; "end" ends.
let paused = false;
orders.on("line", (line) => {
  if (line === "end") running = false;
  paused = line === "pause";
});
stdout.write("ready\n");
for (let turn = 0; running; turn += 1) {
  if (!paused) await exchange(turn % GUESTS);
  await delay(PAUSE_MS);
}
orders.close();
stdin.destroy();
stdout.write(`${JSON.stringify({ ...told, held: Object.fromEntries(addresses) })}\n`);

/** DISCOVER to ACK the first time and every third, a renewal otherwise; the address must stay. */
async function exchange(guest: number): Promise<void> {
  told.exchanges += 1;
  try {
    const before = addresses.get(guest);
    const renews = before !== undefined && told.exchanges % 3 !== 0;
    const got = renews ? await renew(guest, before) : await begin(guest);
    if (before !== undefined && got !== before) throw new Error(`had ${before}, was given ${got}`);
    addresses.set(guest, got);
  } catch (thrown) {
    told.failed += 1;
    told.failures.push(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

async function begin(guest: number): Promise<string> {
  const offer = ipv4FromUint((await ask(guest, { type: "discover" }, "offer")).yiaddr);
  const taking = { type: "request", requested: offer, serverId: server } as const;
  return ipv4FromUint((await ask(guest, taking, "ack")).yiaddr);
}

async function renew(guest: number, ciaddr: string): Promise<string> {
  return ipv4FromUint((await ask(guest, { type: "request", ciaddr }, "ack", ciaddr)).yiaddr);
}

async function ask(
  guest: number,
  packet: ClientPacket,
  wanted: "offer" | "ack",
  source = "0.0.0.0",
): Promise<Packet> {
  const mac = parseMac(`02:aa:00:00:00:0${guest + 1}`);
  if (mac === undefined) throw new Error("no MAC");
  xid += 1;
  const bytes = clientPacket({ ...packet, mac, xid });
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    if (attempt > 1) told.repeated += 1;
    wire.send(macToBytes(mac), bytes, source);
    const end = performance.now() + PATIENCE_MS;
    while (performance.now() < end) {
      for (let heard = wire.next(); heard !== undefined; heard = wire.next()) {
        const reply = decodePacket(heard);
        if (typeof reply === "string" || reply.xid !== xid) continue;
        const type = readOption(reply.options, options.messageType);
        if (type === messageTypes[wanted]) return reply;
        throw new Error(`guest ${guest} asked for ${wanted} and was told ${type}`);
      }
      await delay(LOOK_EVERY_MS);
    }
  }
  throw new Error(`guest ${guest} had no ${wanted} after ${TRIES} tries`);
}
