// A process in the attacker's namespace: puts so many damaged packets on the link, at a rate, and prints what it sent as JSON.

import { argv, stdout } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { decodePacket } from "#broker/dhcp/packet.ts";
import { randomFrom } from "#test/torture/random.ts";
import { makePacket, packetCorpus } from "./packets.ts";
import { openWire } from "./wire.ts";

/** Packets between two looks at the clock. */
const BURST = 32;
const OWN_MAC = Uint8Array.of(2, 0x66, 0x75, 0, 0, 1);
const CHADDR = { start: 28, end: 34 };
const GIADDR = { start: 24, end: 28 };

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    link: { type: "string", default: "eth0" },
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "1000" },
    rate: { type: "string", default: "2000" },
    network: { type: "string", default: "10.207" },
  },
});
const random = randomFrom(Number(values.seed));
const count = Number(values.count);
const [one = 0, two = 0] = values.network.split(".").map(Number);
const scene = { server: [one, two, 0, 1], network: [one, two] } as const;
const wire = openWire(values.link, false);
const began = performance.now();
let [sent, past, passesFilter] = [0, 0, 0];
while (sent < count) {
  for (let room = Math.min(BURST, count - sent); room > 0; room -= 1) {
    const packet = makePacket(random, packetCorpus, scene);
    // The kernel's filter lets through only what comes from the MAC that it speaks of; some do not.
    const honest = packet.length >= CHADDR.end && !random.chance(1 / 16);
    const mac = honest ? packet.subarray(CHADDR.start, CHADDR.end) : OWN_MAC;
    const source = random.chance(1 / 8) ? `${values.network}.0.9` : "0.0.0.0";
    while (!wire.send(mac, packet, source)) await delay(1);
    sent += 1;
    if (decodePacket(packet) !== "too-short") past += 1;
    const direct = packet.subarray(GIADDR.start, GIADDR.end).every((byte) => byte === 0);
    if (honest && direct && ((mac[0] ?? 1) & 1) === 0) passesFilter += 1;
  }
  const due = began + (sent * 1_000) / Number(values.rate);
  await delay(Math.max(0, due - performance.now()));
}
stdout.write(`${JSON.stringify({ sent, past, passesFilter })}\n`);
