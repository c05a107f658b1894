// Checklist A, L, B and F: where replies go, and what comes through relays.

import { describe, expect, test } from "vitest";
import { brief, codesOf, optionOf, startEngine } from "./engine.ts";

const RELAY = "10.9.0.6";
const BROADCAST = 0x8000;
const selecting = { type: "request", serverId: "10.9.0.1", requested: "10.9.0.2" } as const;
const renewing = { type: "request", ciaddr: "10.9.0.2" } as const;
const relayed = { settings: { allowRelay: true } };

describe("A", () => {
  test("A1 a relay gets the reply at its address", async () => {
    await using engine = await startEngine(relayed);
    expect(brief(await engine.ask({ giaddr: RELAY }))).toBe("offer 10.9.0.2 to relay 10.9.0.6");
    expect(brief(await engine.ask({ ...selecting, giaddr: RELAY }))).toBe(
      "ack 10.9.0.2 to relay 10.9.0.6",
    );
  });

  test("A2 a NAK goes to everyone, even with ciaddr", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ type: "request", requested: "10.8.0.2" }))).toBe(
      "nak to everyone",
    );
    expect(brief(await engine.ask({ type: "request", ciaddr: "10.8.0.2" }))).toBe(
      "nak to everyone",
    );
  });

  test.each([0, BROADCAST])("A3 a renewal is answered at ciaddr (flags %i)", async (flags) => {
    await using engine = await startEngine();
    await engine.ask(selecting);
    expect(brief(await engine.ask({ ...renewing, flags }, "10.9.0.2"))).toBe(
      "ack 10.9.0.2 to 10.9.0.2",
    );
  });

  test("A4 the broadcast flag: 255.255.255.255", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ flags: BROADCAST }))).toBe("offer 10.9.0.2 to 255.255.255.255");
    expect(brief(await engine.ask({ ...selecting, flags: BROADCAST }))).toBe(
      "ack 10.9.0.2 to 255.255.255.255",
    );
  });

  test("A5 without it: yiaddr, in a frame to chaddr", async () => {
    await using engine = await startEngine();
    const [sent] = await engine.ask({});
    expect(sent?.destination).toEqual({ kind: "guest", ip: "10.9.0.2" });
    expect(Buffer.from(sent?.bytes.subarray(28, 34) ?? []).toString("hex")).toBe("020000000001");
  });

  test("A6 ciaddr beside DISCOVER or another option 50 addresses nothing", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ ciaddr: "10.9.0.5" }))).toBe("offer 10.9.0.2 to 10.9.0.2");
    const sent = await engine.ask({ ...selecting, ciaddr: "10.9.0.5" });
    expect(brief(sent)).toBe("ack 10.9.0.2 to 10.9.0.2");
    expect(Buffer.from(sent[0]?.bytes.subarray(12, 16) ?? []).toString("hex")).toBe("00000000");
  });

  test("A7 INFORM is answered at ciaddr, else at its source, else not", async () => {
    await using engine = await startEngine();
    const inform = { type: "inform" } as const;
    expect(brief(await engine.ask({ ...inform, ciaddr: "10.9.0.4" }, "10.9.0.5"))).toBe(
      "ack 0.0.0.0 to 10.9.0.4",
    );
    expect(brief(await engine.ask(inform, "10.9.0.5"))).toBe("ack 0.0.0.0 to 10.9.0.5");
    expect(brief(await engine.ask(inform))).toBe("silence");
    expect(engine.counters.dropped.get("incomplete")).toBe(1);
  });

  test("A8 a NAK through a relay asks it to broadcast", async () => {
    await using engine = await startEngine(relayed);
    const sent = await engine.ask({ type: "request", requested: "10.8.0.2", giaddr: RELAY });
    expect(brief(sent)).toBe("nak to relay 10.9.0.6");
    expect(sent[0]?.reply.flags).toBe(BROADCAST);
  });

  test("A9 every reply names the server that the socket sends from", async () => {
    await using engine = await startEngine();
    const packets = [{}, selecting, renewing, { type: "request", ciaddr: "10.8.0.2" } as const];
    for (const packet of packets) expect(optionOf(await engine.ask(packet), 54)).toBe("0a090001");
  });

  test("A10, A11 ports and checksums: test/dhcp/ip-datagram.test.ts and, on the wire, test/system", async () => {
    await using engine = await startEngine();
    // The destination has no port to say: a client's source port cannot reach it.
    const [sent] = await engine.ask({});
    expect(Object.keys(sent?.destination ?? {})).toEqual(["kind", "ip"]);
  });
});

describe("L", () => {
  test("L1 a relay's request is dropped unless allowed", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ giaddr: RELAY }))).toBe("silence");
    expect([...engine.counters.dropped]).toEqual([["relay", 1]]);
  });

  test("L2 link selection decides the subnet, the reply still goes to giaddr", async () => {
    await using engine = await startEngine(relayed);
    const link = (...octets: number[]) => ({
      giaddr: "172.16.0.1",
      more: { 82: [5, 4, ...octets] },
    });
    expect(brief(await engine.ask(link(10, 9, 0, 3)))).toBe("offer 10.9.0.2 to relay 172.16.0.1");
    expect(brief(await engine.ask(link(10, 8, 0, 3)))).toBe("silence");
    expect(engine.counters.dropped.get("foreign-subnet")).toBe(1);
  });

  test("L2 the relay's server identifier is told and taken back", async () => {
    await using engine = await startEngine(relayed);
    const through = { giaddr: RELAY, more: { 82: [11, 4, 10, 9, 0, 6] } };
    expect(optionOf(await engine.ask(through), 54)).toBe("0a090006");
    const asked = { ...through, type: "request", requested: "10.9.0.2" } as const;
    expect(brief(await engine.ask({ ...asked, serverId: RELAY }))).toBe(
      "ack 10.9.0.2 to relay 10.9.0.6",
    );
    expect(brief(await engine.ask({ ...asked, serverId: "10.9.0.1" }))).toBe(
      "ack 10.9.0.2 to relay 10.9.0.6",
    );
    expect(brief(await engine.ask({ ...asked, serverId: "10.9.0.5" }))).toBe("silence");
  });

  test("L2 relay information without a relay is ignored", async () => {
    await using engine = await startEngine(relayed);
    const sent = await engine.ask({ more: { 82: [11, 4, 10, 9, 0, 6] } });
    expect(optionOf(sent, 54)).toBe("0a090001");
    expect(sent[0] === undefined ? [] : codesOf(sent[0])).not.toContain(82);
  });
});

describe("B, F", () => {
  test("B1 BOOTP is not answered", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ type: [] }))).toBe("silence");
    expect(engine.ledger.offers.size).toBe(0);
  });

  test("F1 FORCERENEW is neither sent nor answered", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ type: 9 }))).toBe("silence");
    expect([...engine.counters.dropped]).toEqual([["message-type", 1]]);
  });
});
