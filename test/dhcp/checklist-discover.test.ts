// Checklist D: which address is offered, on which terms, and what is not offered at all.

import { describe, expect, test } from "vitest";
import { client } from "./client-packet.ts";
import { brief, optionOf, startEngine } from "./engine.ts";

const bind = (last: number, address: string) =>
  ({ type: "request", mac: client(last), requested: address }) as const;
const seconds = (value: number) => ({
  51: [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255],
});
const RAPID = { 80: [] };

describe("D", () => {
  test("D1 an unknown guest is offered a free address, again within the hold; nothing is stored or routed", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({}))).toBe("offer 10.9.0.2 to 10.9.0.2");
    engine.pass(59);
    expect(brief(await engine.ask({}))).toBe("offer 10.9.0.2 to 10.9.0.2");
    engine.pass(59);
    expect(brief(await engine.ask({ mac: client(2) }))).toBe("offer 10.9.0.3 to 10.9.0.3");
    expect([...engine.ledger.leases()]).toEqual([]);
    expect(engine.routes.lines()).toEqual([]);
  });

  test("D2 a guest with a lease is offered that address", async () => {
    await using engine = await startEngine();
    await engine.ask(bind(1, "10.9.0.5"));
    expect(brief(await engine.ask({ requested: "10.9.0.3" }))).toBe("offer 10.9.0.5 to 10.9.0.5");
  });

  test("D3 a guest that released its address is offered it again", async () => {
    await using engine = await startEngine();
    await engine.ask(bind(1, "10.9.0.5"));
    await engine.ask({ type: "release", ciaddr: "10.9.0.5", serverId: "10.9.0.1" }, "10.9.0.5");
    expect(brief(await engine.ask({}))).toBe("offer 10.9.0.5 to 10.9.0.5");
  });

  test.each([
    ["free", "10.9.0.4", "10.9.0.4"],
    ["another guest's", "10.9.0.2", "10.9.0.3"],
    ["the gateway", "10.9.0.1", "10.9.0.3"],
    ["the broadcast address", "10.9.0.7", "10.9.0.3"],
    ["elsewhere", "192.0.2.9", "10.9.0.3"],
    ["a container's", "10.9.0.5", "10.9.0.3"],
    ["nothing", "0.0.0.0", "10.9.0.3"],
  ])("D4 option 50 that is %s: never a NAK", async (_what, requested, offered) => {
    await using engine = await startEngine();
    await engine.attach(client(9), "10.9.0.5");
    await engine.ask(bind(2, "10.9.0.2"));
    expect(brief(await engine.ask({ requested }))).toBe(`offer ${offered} to ${offered}`);
  });

  test("D5 a full pool is silence and an event; nobody is evicted", async () => {
    await using engine = await startEngine();
    for (let guest = 1; guest <= 5; guest++) await engine.ask(bind(guest, `10.9.0.${guest + 1}`));
    expect(brief(await engine.ask({ mac: client(6) }))).toBe("silence");
    expect(engine.counters.dropped.get("exhausted")).toBe(1);
    expect(engine.events).toContainEqual({ event: "pool.exhausted", pool: "node" });
    expect([...engine.ledger.leases()].filter(({ state }) => state === "leased")).toHaveLength(5);
  });

  test("D6 64 guests at once get 64 addresses", async () => {
    await using engine = await startEngine({ subnet: "10.9.0.0/24" });
    const sent = await engine.askAtOnce(
      Array.from({ length: 64 }, (_, index) => ({ mac: client(index + 1) })),
    );
    const addresses = sent.map(({ reply }) => (reply.type === "offer" ? reply.yiaddr : reply.type));
    expect(new Set(addresses).size).toBe(64);
  });

  test("D7 a DISCOVER that names a server is dropped", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ serverId: "10.9.0.1" }))).toBe("silence");
    expect([...engine.counters.dropped]).toEqual([["server-id", 1]]);
  });

  test.each([
    ["nothing", undefined, 86_400],
    ["10 s", 10, 600],
    ["two hours", 7_200, 7_200],
    ["for ever", 0xffffffff, 86_400],
  ])("D8 asked for %s: %s gives %i s", async (_what, asked, given) => {
    await using engine = await startEngine({ settings: { minLeaseSeconds: 600 } });
    const sent = await engine.ask(asked === undefined ? {} : { more: seconds(asked) });
    expect(Number(`0x${optionOf(sent, 51)}`)).toBe(given);
    expect(Number(`0x${optionOf(sent, 58)}`)).toBe(given / 2);
  });

  test("D8 a lease without end, where configured, has no T1 and T2", async () => {
    await using engine = await startEngine({ settings: { maxLeaseSeconds: 0xffffffff } });
    const sent = await engine.ask({ more: seconds(0xffffffff) });
    expect([51, 58, 59].map((code) => optionOf(sent, code))).toEqual([
      "ffffffff",
      "absent",
      "absent",
    ]);
  });

  test("D9 rapid commit binds and answers with an ACK", async () => {
    await using engine = await startEngine();
    const sent = await engine.ask({ more: RAPID });
    expect(brief(sent)).toBe("ack 10.9.0.2 to 10.9.0.2");
    expect(optionOf(sent, 80)).toBe("");
    expect(engine.routes.lines()).toHaveLength(2);
    const plain = await engine.ask({ mac: client(2) });
    expect([brief(plain), optionOf(plain, 80)]).toEqual(["offer 10.9.0.3 to 10.9.0.3", "absent"]);
  });

  test("D9 switched off, the OFFER does not mention it", async () => {
    await using engine = await startEngine({ settings: { rapidCommit: false } });
    const sent = await engine.ask({ more: RAPID });
    expect([brief(sent), optionOf(sent, 80)]).toEqual(["offer 10.9.0.2 to 10.9.0.2", "absent"]);
  });

  test("D10 the offer leaves in the turn of the DISCOVER: nothing is probed", async () => {
    await using engine = await startEngine();
    const answer = engine.askAtOnce([{}]);
    expect(engine.counters.sent.offer).toBe(1);
    await answer;
  });
});
