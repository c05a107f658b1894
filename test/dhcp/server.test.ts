// The server's bounds: one guest's rate, the memory of many, the work under way, the log, and its end.

import { describe, expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { DhcpEvent } from "#broker/dhcp/counters.ts";
import type { GuestLeasing } from "#broker/dhcp/leasing-port.ts";
import { createDhcpServer } from "#broker/dhcp/server.ts";
import { dhcpSettings } from "#broker/dhcp/settings.ts";
import { TokenBuckets } from "#broker/dhcp/token-buckets.ts";
import { macFromBytes } from "#core/address.ts";
import { client, clientPacket } from "./client-packet.ts";
import { brief, startEngine } from "./engine.ts";

const subnet = parsePrefix("10.9.0.0/16") ?? expect.unreachable();
const numbered = (index: number) =>
  macFromBytes(Uint8Array.of(2, 0, 0, 0, index >> 8, index & 255));

const macOfReply = (reply: Uint8Array) => macFromBytes(reply.subarray(28, 34));
async function turns(count: number): Promise<void> {
  for (; count > 0; count--) await new Promise((resolve) => setImmediate(resolve));
}

describe("a guest in a loop", () => {
  test("gets eight answers at once and two a second; others are served", async () => {
    await using engine = await startEngine();
    const loop = Array.from(
      { length: 20 },
      () => ({ type: "request", requested: "10.8.0.2" }) as const,
    );
    expect(await engine.askAtOnce(loop)).toHaveLength(8);
    expect(engine.counters.dropped.get("rate")).toBe(12);
    engine.pass(1);
    expect(await engine.askAtOnce(loop)).toHaveLength(2);
    expect(brief(await engine.ask({ mac: client(2) }))).toBe("offer 10.9.0.2 to 10.9.0.2");
  });

  test("is named once in ten seconds, and what was held back is counted", async () => {
    await using engine = await startEngine();
    const notices = () => engine.events.filter(({ event }) => event === "dhcp.dropped");
    for (let second = 0; second < 10; second++) {
      await engine.ask({ type: 9 });
      await engine.ask({ serverId: "10.9.0.1" });
      engine.pass(1);
    }
    expect(notices()).toHaveLength(2);
    await engine.ask({ serverId: "10.9.0.1" });
    expect(notices().at(-1)).toEqual({
      event: "dhcp.dropped",
      reason: "server-id",
      mac: client(1),
      suppressed: 18,
    });
  });
});

describe("token buckets", () => {
  test("never remember more keys than their limit", () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 1, keys: 100 });
    for (let index = 0; index < 10_000; index++)
      expect(buckets.take(`key ${index}`, index)).toBe(true);
    expect(buckets.size).toBe(100);
  });

  test("give nothing for a clock that steps back", () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 1, keys: 1 });
    expect([1_000, 0, 500, 1_100].map((now) => buckets.take("key", now))).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });
});

/** A server over a ledger that never answers until told to. */
function stalled() {
  const waiting: (() => void)[] = [];
  const events: DhcpEvent[] = [];
  const sent: Uint8Array[] = [];
  let handle: (datagram: Uint8Array, source: ReturnType<typeof ip>) => void = () => undefined;
  const leasing: GuestLeasing = {
    offer: () => ({ kind: "offer", ip: ip("10.9.0.2") }),
    bind: ({ ip: bound, seconds }) =>
      new Promise((resolve) => waiting.push(() => resolve({ kind: "bound", ip: bound, seconds }))),
    release: () => Promise.reject(new Error("the ledger is closed")),
    decline: () => Promise.resolve(),
    abandon: () => undefined,
  };
  const server = createDhcpServer({
    socket: { receive: (handler) => (handle = handler), send: (bytes) => void sent.push(bytes) },
    leasing,
    settings: dhcpSettings({ serverId: ip("10.9.0.1"), subnet }),
    now: () => 0,
    random: () => 0,
    onEvent: (event) => void events.push(event),
  });
  const request = (index: number) =>
    handle(
      clientPacket({ type: "request", mac: numbered(index), requested: "10.9.0.2" }),
      ip("0.0.0.0"),
    );
  const discover = (index: number) =>
    handle(clientPacket({ type: "discover", mac: numbered(index) }), ip("0.0.0.0"));
  return {
    server,
    waiting,
    events,
    sent,
    request,
    discover,
    receive: (bytes: Uint8Array) => handle(bytes, ip("10.9.0.2")),
  };
}

test("512 requests are at work in the ledger, 8,192 packets wait for their turn, and what comes then is dropped", async () => {
  const { server, waiting, sent, request, discover } = stalled();
  const stop = new AbortController();
  const running = server.run(stop.signal);
  for (let index = 1; index <= 8_692; index++) request(index);
  for (let index = 10_001; index <= 10_020; index++) discover(index);
  expect(waiting).toHaveLength(512);
  expect(server.counters.dropped.get("busy")).toBe(8);
  expect(server.counters.sent).toEqual({ offer: 0, ack: 0, nak: 0 });
  while (waiting.length > 0) {
    expect(waiting.length).toBeLessThanOrEqual(512);
    for (const answer of waiting.splice(0)) answer();
    await turns(3);
  }
  const served = sent.map(macOfReply);
  const first = served.indexOf(numbered(10_001));
  // First come, first served: an offer is made when all who came before are answered, or are in the ledger's hands.
  expect(first).toBeGreaterThanOrEqual(8_692 - 512);
  expect(served.slice(first, first + 12)).toEqual(
    Array.from({ length: 12 }, (_, index) => numbered(10_001 + index)),
  );
  expect(served.toSpliced(first, 12)).toEqual(
    Array.from({ length: 8_692 }, (_, index) => numbered(index + 1)),
  );
  stop.abort();
  await running;
});

test("whoever waits for a turn when the server stops is a counted drop", async () => {
  const { server, waiting, sent, request } = stalled();
  const stop = new AbortController();
  const running = server.run(stop.signal);
  for (let index = 1; index <= 600; index++) request(index);
  stop.abort();
  await turns(1);
  expect(server.counters.dropped.get("stopping")).toBe(88);
  for (const answer of waiting) answer();
  await running;
  expect([waiting.length, sent.length]).toEqual([512, 512]);
});

test("stopping answers what was begun and takes nothing more", async () => {
  const { server, waiting, sent, request } = stalled();
  const stop = new AbortController();
  const running = server.run(stop.signal);
  request(1);
  stop.abort();
  await new Promise((resolve) => setImmediate(resolve));
  request(2);
  expect([waiting.length, sent.length, server.counters.dropped.get("stopping")]).toEqual([1, 0, 1]);
  waiting[0]?.();
  await running;
  expect(sent).toHaveLength(1);
});

test("a ledger that fails is a counted drop with its reason", async () => {
  const { server, events, receive } = stalled();
  const stop = new AbortController();
  const running = server.run(stop.signal);
  receive(clientPacket({ type: "release", ciaddr: "10.9.0.2" }));
  await new Promise((resolve) => setImmediate(resolve));
  expect(events).toEqual([
    {
      event: "dhcp.dropped",
      reason: "unbound",
      mac: client(1),
      detail: "the ledger is closed",
      suppressed: 0,
    },
  ]);
  stop.abort();
  await running;
});

test.each(["-", "a..b", "x".repeat(64), "with space"])(
  "settings refuse the search name %j",
  (name) => {
    const settings = () => dhcpSettings({ serverId: ip("10.9.0.1"), subnet, search: [name] });
    if (name === "-") expect(settings().search).toEqual(["-"]);
    else expect(settings).toThrow(/is no domain name that DHCP can carry/);
  },
);
