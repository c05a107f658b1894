// Checklist X and V: what guests give back or find taken, and one pool for guests and containers.

import { describe, expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { client } from "./client-packet.ts";
import { type Engine, brief, codesOf, startEngine } from "./engine.ts";

const S = "10.9.0.1";
const rebooting = (address: string, last = 1) =>
  ({ type: "request", requested: address, mac: client(last) }) as const;
const decline = (address: string, last = 1) =>
  ({ type: "decline", serverId: S, requested: address, mac: client(last) }) as const;
const release = (ciaddr: string, last = 1) =>
  ({ type: "release", serverId: S, ciaddr, mac: client(last) }) as const;
const stateOf = (engine: Engine, address: string) =>
  engine.ledger.lease(ip(address))?.state ?? "free";
const wide = { subnet: "10.9.0.0/27" };

describe("X decline", () => {
  test.each([
    ["lease", rebooting("10.9.0.2")],
    ["offer", {}],
  ])("X1 of one's own %s: quarantined for an hour, route gone, no reply", async (_what, before) => {
    await using engine = await startEngine();
    await engine.ask(before);
    expect(brief(await engine.ask(decline("10.9.0.2")))).toBe("silence");
    expect(stateOf(engine, "10.9.0.2")).toBe("quarantined");
    expect(engine.ledger.lease(ip("10.9.0.2"))?.until).toBe(engine.now() + 3_600_000);
    expect(engine.routes.lines()).toEqual([]);
    expect(engine.events).toContainEqual({
      event: "lease.quarantined",
      ip: "10.9.0.2",
      reason: "decline",
    });
    expect(brief(await engine.ask({}))).toBe("offer 10.9.0.3 to 10.9.0.3");
  });

  test.each([
    ["another guest's address", decline("10.9.0.2", 2)],
    ["an address nobody holds", decline("10.9.0.5")],
    ["nothing", { type: "decline", serverId: S } as const],
    ["without a server", { type: "decline", requested: "10.9.0.2" } as const],
    ["to another server", { ...decline("10.9.0.2"), serverId: "10.9.0.6" }],
  ])("X2 of %s changes nothing", async (_what, packet) => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2"));
    expect(brief(await engine.ask(packet))).toBe("silence");
    expect([stateOf(engine, "10.9.0.2"), stateOf(engine, "10.9.0.5")]).toEqual(["leased", "free"]);
  });

  test("X3 the fourth within an hour is not believed", async () => {
    await using engine = await startEngine(wide);
    for (let turn = 1; turn <= 4; turn++) {
      engine.pass(60);
      const address = `10.9.0.${turn + 1}`;
      await engine.ask(rebooting(address));
      await engine.ask(decline(address));
      expect(stateOf(engine, address)).toBe(turn <= 3 ? "quarantined" : "leased");
    }
  });

  test("X3 quarantine takes a quarter of the pool at most, the oldest goes first", async () => {
    await using engine = await startEngine();
    for (const guest of [1, 2]) {
      await engine.ask(rebooting(`10.9.0.${guest + 1}`, guest));
      await engine.ask(decline(`10.9.0.${guest + 1}`, guest));
    }
    expect([stateOf(engine, "10.9.0.2"), stateOf(engine, "10.9.0.3")]).toEqual([
      "free",
      "quarantined",
    ]);
  });
});

describe("X release", () => {
  test.each([S, undefined])(
    "X4 of one's own lease (option 54 %s): address cools, route gone, no reply",
    async (serverId) => {
      await using engine = await startEngine();
      await engine.ask(rebooting("10.9.0.2"));
      const { serverId: _unnamed, ...plain } = release("10.9.0.2");
      const packet = serverId === undefined ? plain : { ...plain, serverId };
      expect(brief(await engine.ask(packet, "10.9.0.2"))).toBe("silence");
      expect([stateOf(engine, "10.9.0.2"), engine.routes.lines()]).toEqual(["cooling", []]);
    },
  );

  test.each([
    ["another address", release("10.9.0.3"), "10.9.0.3"],
    ["another guest's lease", release("10.9.0.2", 2), "10.9.0.2"],
    ["to another server", { ...release("10.9.0.2"), serverId: "10.9.0.6" }, "10.9.0.2"],
    ["from another address", release("10.9.0.2"), "10.9.0.3"],
    ["without ciaddr", { type: "release", serverId: S } as const, "10.9.0.2"],
  ])("X5 %s changes nothing", async (_what, packet, source) => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2"));
    expect(brief(await engine.ask(packet, source))).toBe("silence");
    expect(stateOf(engine, "10.9.0.2")).toBe("leased");
    expect(engine.routes.lines()).toHaveLength(2);
  });

  test("X6 a container's address is not its interface's to give back", async () => {
    await using engine = await startEngine();
    await engine.attach(client(1), "10.9.0.2");
    await engine.ask(rebooting("10.9.0.2"));
    await engine.ask(release("10.9.0.2"), "10.9.0.2");
    expect(engine.ledger.lease(ip("10.9.0.2"))).toMatchObject({
      state: "leased",
      owner: { kind: "container" },
    });
  });
});

test.each(["10.9.0.2", "10.9.0.5"])(
  "X7 INFORM from %s: parameters without lease times, and no lease",
  async (ciaddr) => {
    await using engine = await startEngine({ settings: { domain: "example.org" } });
    const [sent] = await engine.ask({ type: "inform", ciaddr, parameters: [15, 51] }, ciaddr);
    expect(sent?.reply).toMatchObject({ type: "ack", yiaddr: "0.0.0.0", ciaddr });
    expect(sent === undefined ? [] : codesOf(sent)).toEqual([53, 54, 1, 3, 6, 15]);
    expect([...engine.ledger.leases()]).toEqual([]);
    expect(brief(await engine.ask({ type: "inform", ciaddr: "192.0.2.1" }, "192.0.2.1"))).toBe(
      "silence",
    );
  },
);

describe("V", () => {
  test("V1 a container's MAC is offered the container's address, whatever it asks and however full the pool", async () => {
    await using engine = await startEngine();
    await engine.attach(client(9), "10.9.0.4");
    for (const [guest, address] of [2, 3, 5, 6].entries())
      await engine.ask(rebooting(`10.9.0.${address}`, guest + 1));
    expect(brief(await engine.ask({ mac: client(10) }))).toBe("silence");
    expect(brief(await engine.ask({ mac: client(9), requested: "10.9.0.6" }))).toBe(
      "offer 10.9.0.4 to 10.9.0.4",
    );
    expect(brief(await engine.ask(rebooting("10.9.0.4", 9)))).toBe("ack 10.9.0.4 to 10.9.0.4");
  });

  test("V2 what is a container's, quarantined or the gateway's is offered to nobody else", async () => {
    await using engine = await startEngine();
    await engine.attach(client(9), "10.9.0.2");
    await engine.ask(rebooting("10.9.0.3", 8));
    await engine.ask(decline("10.9.0.3", 8));
    const offers = await engine.askAtOnce([1, 2, 3, 4].map((last) => ({ mac: client(last) })));
    expect(brief(offers)).toBe(
      "offer 10.9.0.4 to 10.9.0.4, offer 10.9.0.5 to 10.9.0.5, offer 10.9.0.6 to 10.9.0.6",
    );
  });

  test("V2 an address on offer and asked for by a container goes to one of them", async () => {
    await using engine = await startEngine();
    await engine.ask({});
    const attached = await engine.attach(client(9), "10.9.0.2").then(
      () => true,
      () => false,
    );
    const bound = brief(await engine.ask({ type: "request", serverId: S, requested: "10.9.0.2" }));
    expect(bound).toBe(attached ? "nak to everyone" : "ack 10.9.0.2 to 10.9.0.2");
  });

  test("V3 a guest whose MAC became a container's: the container's address, the old one refused", async () => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2"));
    await engine.attach(client(1), "10.9.0.5");
    expect(brief(await engine.ask({}))).toBe("offer 10.9.0.5 to 10.9.0.5");
    expect(brief(await engine.ask(rebooting("10.9.0.2")))).toBe("nak to everyone");
    expect(brief(await engine.ask({ type: "request", serverId: S, requested: "10.9.0.2" }))).toBe(
      "nak to everyone",
    );
    expect(brief(await engine.ask({ type: "request", ciaddr: "10.9.0.2" }))).toBe(
      "nak to everyone",
    );
  });

  test("V4 after the container's DEL its route and neighbour are gone and a renewal is refused", async () => {
    await using engine = await startEngine();
    await engine.attach(client(1), "10.9.0.2");
    expect(engine.routes.lines()).toHaveLength(2);
    await engine.detach(client(1));
    expect(engine.routes.lines()).toEqual([]);
    expect(brief(await engine.ask({ type: "request", ciaddr: "10.9.0.2" }, "10.9.0.2"))).toBe(
      "nak to everyone",
    );
  });

  test("V5 a container cannot be given a guest's address, so that no reservation meets a lease", async () => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2", 2));
    await expect(engine.attach(client(1), "10.9.0.2")).rejects.toThrow(/10\.9\.0\.2/);
    expect(brief(await engine.ask({}))).toBe("offer 10.9.0.3 to 10.9.0.3");
  });
});
