// What counts as another DHCP server, how often it is told of, and when it is forgotten.

import { expect, test } from "vitest";
import { type Mac, ip, parseMac } from "#core/address.ts";
import type { BusinessEvent } from "#core/events.ts";
import { fieldOf, options } from "#broker/dhcp/options.ts";
import { type DhcpReply, UNSPECIFIED, encodeReply } from "#broker/dhcp/reply.ts";
import { readRequest } from "#broker/dhcp/message.ts";
import type { HeardReply } from "#broker/dhcp/socket-port.ts";
import {
  FORGET_TIME,
  PROBE_PERIOD,
  SERVER_LIMIT,
  type RogueServer,
  createRogueWatch,
} from "#broker/rogue-watch.ts";
import { clientPacket } from "#test/dhcp/client-packet.ts";

const BRIDGE = parseMac("02:cc:0a:09:00:01") as Mac;
const mac = (number: number): Mac =>
  parseMac(`02:00:00:00:01:${number.toString(16).padStart(2, "0")}`) as Mac;

function said(type: DhcpReply["type"], from: Mac, server?: string): HeardReply {
  const reply = {
    type,
    xid: 1,
    flags: 0,
    giaddr: UNSPECIFIED,
    chaddr: new Uint8Array(16),
    ciaddr: UNSPECIFIED,
    yiaddr: UNSPECIFIED,
    fields: server === undefined ? [] : [fieldOf(options.serverIdentifier, ip(server))],
  };
  return {
    mac: from,
    source: ip("10.8.0.1"),
    message: encodeReply(reply, 576) ?? new Uint8Array(0),
  };
}

function watch() {
  const heard: HeardReply[] = [];
  const asked: Uint8Array[] = [];
  const events: BusinessEvent[] = [];
  const told: string[] = [];
  const clock = { at: 1_000_000 };
  const name = ({ server, mac: of }: RogueServer) => `${server} ${of}`;
  const rogues = createRogueWatch({
    tap: {
      hear: () => heard.splice(0),
      ask: (message) => void asked.push(message(BRIDGE)),
      [Symbol.dispose]: () => undefined,
    },
    now: () => clock.at,
    random: () => 0.5,
    portOf: () => "port1",
    emit: (event) => void events.push(event),
    found: (server) => void told.push(`found ${name(server)}`),
    gone: (server) => void told.push(`gone ${name(server)}`),
    trouble: (_what, error) => {
      throw error;
    },
  });
  return { rogues, heard, asked, events, told, clock };
}

test("any reply shows a server, by what it calls itself or where it speaks from; it is told of once", () => {
  const { rogues, heard, events, told } = watch();
  heard.push(
    said("offer", mac(1), "10.8.0.9"),
    said("ack", mac(1), "10.8.0.9"),
    said("nak", mac(2)),
  );
  rogues.look();
  heard.push(said("offer", mac(1), "10.8.0.9"));
  rogues.look();
  expect(rogues.servers()).toEqual([
    { mac: mac(1), server: "10.8.0.9", port: "port1" },
    { mac: mac(2), server: "10.8.0.1", port: "port1" },
  ]);
  expect(events.map(({ event }) => event)).toEqual(["dhcp.rogue", "dhcp.rogue"]);
  expect(told).toEqual([`found 10.8.0.9 ${mac(1)}`, `found 10.8.0.1 ${mac(2)}`]);
});

test("requests, noise and other BOOTP are no server", () => {
  const { rogues, heard } = watch();
  const messages = [
    clientPacket({ type: "discover" }),
    clientPacket({ op: 2, type: "discover" }),
    clientPacket({ op: 1, type: "offer" }),
    clientPacket({ op: 2, type: [] }),
    Uint8Array.of(1, 2, 3),
    new Uint8Array(0),
  ];
  heard.push(...messages.map((message) => ({ mac: mac(1), source: ip("10.8.0.1"), message })));
  rogues.look();
  expect(rogues.servers()).toEqual([]);
});

test("asks at once and every five minutes, as a guest that wants a broadcast answer", () => {
  const { rogues, asked, clock } = watch();
  rogues.look();
  rogues.look();
  expect(asked).toHaveLength(1);
  expect(readRequest(asked[0] ?? new Uint8Array(0), UNSPECIFIED)).toMatchObject({
    type: "discover",
    mac: BRIDGE,
    flags: 0x8000,
  });
  clock.at += PROBE_PERIOD;
  rogues.look();
  expect(asked).toHaveLength(2);
  // A clock that steps back must not silence it.
  clock.at -= 100 * PROBE_PERIOD;
  rogues.look();
  expect(asked).toHaveLength(3);
});

test("forgets who was not heard for long, and tells again when it is back", () => {
  const { rogues, heard, told, clock } = watch();
  heard.push(said("offer", mac(1)));
  rogues.look();
  clock.at += FORGET_TIME;
  rogues.look();
  expect(rogues.servers()).toEqual([]);
  heard.push(said("offer", mac(1)));
  rogues.look();
  expect(told.map((line) => line.split(" ")[0])).toEqual(["found", "gone", "found"]);
});

test("remembers so many at most, whoever invents servers", () => {
  const { rogues, heard, events } = watch();
  for (let number = 0; number < 200; number += 1) heard.push(said("offer", mac(number)));
  rogues.look();
  expect(rogues.servers()).toHaveLength(SERVER_LIMIT);
  expect(events).toHaveLength(SERVER_LIMIT);
});
