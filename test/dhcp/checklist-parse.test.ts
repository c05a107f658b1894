// Checklist P: what is read from a client's packet, and what is dropped, counted and survived.

import { describe, expect, test } from "vitest";
import type { DropReason } from "#broker/dhcp/counters.ts";
import { type ClientPacket, clientPacket, letters, withOptionBytes } from "./client-packet.ts";
import { type Engine, brief, startEngine } from "./engine.ts";

const DISCOVER = [53, 1, 1];
const END = 255;
const served = "offer 10.9.0.2 to 10.9.0.2";
const asked = (area: readonly number[]) => withOptionBytes({}, [...area, END]);
const changed = (at: number, ...values: number[]) => {
  const bytes = clientPacket({});
  bytes.set(values, at);
  return bytes;
};
const inFile = (...area: number[]) => Uint8Array.from(area);

const dropped: readonly [name: string, packet: ClientPacket | Uint8Array, reason: DropReason][] = [
  ["P1 shorter than 240 bytes", clientPacket({}).slice(0, 239), "too-short"],
  ["P1 nothing at all", new Uint8Array(0), "too-short"],
  ["P1 op is not a request", { op: 2 }, "not-a-request"],
  ["P1 another cookie", changed(236, 1, 2, 3, 4), "no-cookie"],
  ["P2 not Ethernet", { htype: 6 }, "hardware"],
  ["P2 hlen is not 6", { hlen: 16 }, "hardware"],
  ["P2 chaddr all zero", changed(28, 0, 0, 0, 0, 0, 0), "hardware"],
  ["P2 chaddr multicast", changed(28, 3), "hardware"],
  ["P5 length beyond the datagram", withOptionBytes({}, [...DISCOVER, 12, 9, 97]), "option-length"],
  ["P5 code without a length", withOptionBytes({}, [...DISCOVER, 12]), "option-length"],
  ["P6, B1 no message type", { type: [] }, "bootp"],
  ["P6 message type of two bytes", { type: [1, 1] }, "message-type"],
  ...[0, 2, 5, 6, 9, 10, 255].map((type): [string, ClientPacket, DropReason] => [
    `P6 message type ${type}`,
    { type },
    "message-type",
  ]),
  [
    "P7 a repeated message type is one of two bytes",
    asked([...DISCOVER, 53, 1, 1]),
    "message-type",
  ],
  ["P8 damaged options in file", { file: inFile(12, 200), more: { 52: [1] } }, "option-length"],
  ["P9 option 50 of three bytes", { more: { 50: [10, 9, 0] } }, "address-option"],
  ["P9 option 54 of five bytes", { more: { 54: [10, 9, 0, 1, 1] } }, "address-option"],
];

describe("dropped and counted", () => {
  test.each(dropped)("%s", async (_name, packet, reason) => {
    await using engine = await startEngine();
    expect(brief(await engine.ask(packet))).toBe("silence");
    expect([...engine.counters.dropped]).toEqual([[reason, 1]]);
    expect(brief(await engine.ask({}))).toBe(served);
  });
});

const read: readonly [name: string, packet: ClientPacket | Uint8Array, expected: string][] = [
  [
    "P3 odd and even runs of padding",
    asked([0, ...DISCOVER, 0, 0, 50, 4, 10, 9, 0, 5]),
    "offer 10.9.0.5 to 10.9.0.5",
  ],
  [
    "P4 no END",
    withOptionBytes({}, [...DISCOVER, 50, 4, 10, 9, 0, 5]),
    "offer 10.9.0.5 to 10.9.0.5",
  ],
  [
    "P7 a value in two pieces",
    asked([...DISCOVER, 50, 2, 10, 9, 12, 1, 97, 50, 2, 0, 5]),
    "offer 10.9.0.5 to 10.9.0.5",
  ],
  ["P8 overload 1: file", { type: [], more: { 52: [1] }, file: inFile(...DISCOVER, END) }, served],
  [
    "P8 overload 2: sname",
    { type: [], more: { 52: [2] }, sname: inFile(...DISCOVER, END) },
    served,
  ],
  [
    "P7, P8 overload 3: a value that goes on from the options into file, then sname",
    { more: { 52: [3], 50: [10] }, file: inFile(50, 2, 9, 0, END), sname: inFile(50, 1, 5, END) },
    "offer 10.9.0.5 to 10.9.0.5",
  ],
  [
    "P8 overload 0 is ignored",
    { more: { 52: [0] }, file: inFile(50, 4, 10, 9, 0, 5, END) },
    served,
  ],
  [
    "P8 overload 4 is ignored",
    { more: { 52: [4] }, file: inFile(50, 4, 10, 9, 0, 5, END) },
    served,
  ],
  [
    "P8 an overload inside file says nothing",
    { more: { 52: [1] }, file: inFile(52, 1, 2, END), sname: inFile(50, 4, 10, 9, 0, 5, END) },
    served,
  ],
  ["P9 option 51 of two bytes is ignored", { more: { 51: [0, 9] } }, served],
  ["P9 option 57 of one byte is ignored", { more: { 57: [9] } }, served],
  ["P11 secs, swapped or not, decides nothing", { secs: 0xff00 }, served],
  [
    "P13, O13 unknown and diagnostic options",
    { more: { 60: letters("MSFT"), 77: [1], 93: [0, 0], 97: [0], 224: [1, 2] } },
    served,
  ],
];

describe("read", () => {
  test.each(read)("%s", async (_name, packet, expected) => {
    await using engine = await startEngine();
    expect(brief(await engine.ask(packet))).toBe(expected);
    expect(engine.counters.dropped.size).toBe(0);
  });

  test.each([
    ["zero bytes", []],
    ["one byte", [1]],
  ])("P9 a client identifier of %s counts as absent", async (_name, value) => {
    await using engine = await startEngine();
    const [sent] = await engine.ask({ more: { 61: value } });
    expect(sent?.reply.fields.some(({ code }) => code === 61)).toBe(false);
  });

  test.each([
    [300, 548],
    [576, 548],
    [1_200, 1_172],
    [65_535, 1_472],
  ])("P10, R5 option 57 of %i gives replies of at most %i bytes", async (size, limit) => {
    const search = Array.from({ length: 120 }, (_, index) => `domain-number-${index}.example.com`);
    await using engine = await startEngine({
      settings: { search, ntp: [], domain: "example.com" },
    });
    const [sent] = await engine.ask({
      parameters: [15, 28, 119],
      more: { 57: [size >> 8, size & 255] },
    });
    expect(sent?.bytes.length).toBeLessThanOrEqual(limit);
    expect(sent?.reply.fields.map(({ code }) => code)).toEqual(
      expect.arrayContaining([54, 51, 58, 59, 1, 3]),
    );
  });
});

describe("P12 names", () => {
  const wire = [4, 104, 111, 115, 116, 7, 101, 120, 97, 109, 112, 108, 101, 0];
  test.each([
    ["a plain name", { 12: letters("host-1.example") }, "host-1.example"],
    ["a trailing NUL", { 12: [...letters("host"), 0] }, "host"],
    ["escape and newline are cut", { 12: letters("ho\u001b\nst") }, "host"],
    ["only control characters", { 12: [0, 27, 10] }, undefined],
    ["255 bytes", { 12: letters("a".repeat(255)) }, undefined],
    ["an empty label", { 12: letters("a..b") }, undefined],
    ["shell letters", { 12: letters("$(reboot)") }, undefined],
    [
      "O8 option 81 as text, option 12 ignored",
      { 12: letters("other"), 81: [0, 0, 0, ...letters("host.example")] },
      "host.example",
    ],
    ["O8 option 81 in wire form", { 81: [4, 0, 0, ...wire] }, "host.example"],
    ["option 81 with a label beyond its end", { 81: [4, 0, 0, 63, 97] }, undefined],
    ["option 81 without a name", { 12: letters("other"), 81: [0, 0, 0] }, undefined],
  ])("%s", async (_name, more, expected) => {
    await using engine = await startEngine();
    const sent = await engine.ask({ type: "request", requested: "10.9.0.2", more });
    expect(brief(sent)).toBe("ack 10.9.0.2 to 10.9.0.2");
    expect(hostOf(engine)).toBe(expected);
  });

  test("nothing that is told of a packet has its bytes", async () => {
    await using engine = await startEngine();
    const nasty = letters("\u001b[31m\n");
    await engine.ask({ type: [9], more: { 12: nasty, 60: nasty, 61: nasty } });
    await engine.ask({ type: "request", requested: "10.9.9.9", more: { 12: nasty, 56: nasty } });
    expect(engine.events.length).toBeGreaterThan(1);
    expect(JSON.stringify(engine.events)).not.toMatch(/\\u001b|\\n/);
  });
});

function hostOf(engine: Engine): string | undefined {
  return [...engine.ledger.leases()][0]?.guest?.hostname;
}
