// Hostile input: any bytes and any damage to real packets are survived, and every reply is one that a client can read.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { readRequest } from "#broker/dhcp/message.ts";
import { decodePacket, encodePacket } from "#broker/dhcp/packet.ts";
import { decodeReply } from "#broker/dhcp/reply.ts";
import { clientPacket } from "./client-packet.ts";
import { type Engine, startEngine } from "./engine.ts";
import { corpus } from "./real-packets.ts";

/** Damage as the wire and attackers do it: bytes changed, a tail cut off, bytes put in or taken out. */
const damage = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "cut", "insert", "remove"),
    // Mostly within the options.
    at: fc.oneof(fc.nat({ max: 239 }), fc.integer({ min: 240, max: 340 })),
    value: fc.oneof(
      fc.nat({ max: 255 }),
      fc.constantFrom(0, 1, 12, 43, 50, 52, 53, 54, 55, 57, 61, 81, 82, 255),
    ),
  }),
  { maxLength: 6 },
);
const damaged = fc
  .tuple(fc.constantFrom(...corpus.map(({ bytes }) => bytes)), damage)
  .map(([packet, marks]) => {
    let bytes = [...packet];
    for (const { kind, at, value } of marks) {
      if (kind === "set" && at < bytes.length) bytes[at] = value;
      else if (kind === "cut") bytes = bytes.slice(0, at);
      else if (kind === "insert") bytes.splice(at, 0, value);
      else bytes.splice(at, 1);
    }
    return Uint8Array.from(bytes);
  });
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 1_500 }),
  fc
    .uint8Array({ maxLength: 300 })
    .map((area) => Uint8Array.from([...clientPacket({}).slice(0, 240), ...area])),
  damaged,
);

test("real clients' packets are requests", () => {
  for (const { name, bytes, type } of corpus)
    expect([name, readRequest(bytes, ip("0.0.0.0"))]).toEqual([
      name,
      expect.objectContaining({ type }),
    ]);
});

test("no bytes make reading throw, and views never leave the input", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const spare = new Uint8Array(bytes.length + 64).fill(0xee);
      spare.set(bytes, 32);
      const within = spare.subarray(32, 32 + bytes.length);
      expect(readRequest(within, ip("0.0.0.0"))).toEqual(readRequest(bytes, ip("0.0.0.0")));
    }),
    { numRuns: 5_000 },
  );
});

test("what is read, written and read again is the same; unknown options are kept", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const packet = decodePacket(bytes);
      if (typeof packet === "string") return;
      const fields = [...packet.options].map(([code, value]) => ({ code, value }));
      const again = decodePacket(encodePacket(packet, fields));
      if (typeof again === "string") expect.unreachable(again);
      else {
        const { sname: _sname, file: _file, ...rest } = packet;
        expect(again).toMatchObject(rest);
        expect([...again.options]).toEqual([...packet.options]);
      }
    }),
    { numRuns: 3_000 },
  );
});

describe("the engine", () => {
  test("survives any bytes; each reply is readable, within its limit and to a proper place", async () => {
    await using engine = await startEngine({
      subnet: "10.9.0.0/24",
      settings: { allowRelay: true },
    });
    await fc.assert(
      fc.asyncProperty(anyBytes, fc.constantFrom("0.0.0.0", "10.9.0.7"), async (bytes, source) => {
        engine.pass(10);
        for (const { bytes: reply, destination } of await engine.ask(bytes, source)) {
          expect(decodeReply(reply)).toBeDefined();
          expect(reply.length).toBeLessThanOrEqual(1_472);
          expect(reply.length).toBeGreaterThanOrEqual(300);
          const request = readRequest(bytes, ip(source));
          if (typeof request === "string") return expect.unreachable(request);
          expect(reply.length).toBeLessThanOrEqual(request.sizeLimit);
          expect(destination.kind === "relay").toBe(request.relay !== undefined);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(unexpected(engine)).toEqual([]);
  });
});

/** Drops that say that the engine itself failed. */
function unexpected(engine: Engine): unknown[] {
  return engine.events.filter(
    (event) => "reason" in event && (event.reason === "unbound" || event.reason === "busy"),
  );
}
