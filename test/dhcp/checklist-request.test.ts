// Checklist Q: REQUEST in each of a client's states, up to what disk and routes may do to it.

import { describe, expect, test } from "vitest";
import { ip } from "#core/address.ts";
import type { Change } from "#core/record.ts";
import { client } from "./client-packet.ts";
import { type Engine, brief, optionOf, startEngine } from "./engine.ts";

const S = "10.9.0.1";
const selecting = (address: string, serverId = S, last = 1) =>
  ({ type: "request", serverId, requested: address, mac: client(last) }) as const;
const rebooting = (address: string, last = 1) =>
  ({ type: "request", requested: address, mac: client(last) }) as const;
const renewing = (ciaddr: string, last = 1) =>
  ({ type: "request", ciaddr, mac: client(last) }) as const;
const leases = (engine: Engine) =>
  [...engine.ledger.leases()]
    .filter(({ state }) => state === "leased")
    .map(({ ip, mac }) => `${ip} ${mac}`);
const held = (address: string, last = 1) => `${address} ${client(last)}`;

describe("Q selecting", () => {
  test("Q1 the offer taken up is bound, stored and routed", async () => {
    await using engine = await startEngine();
    await engine.ask({});
    expect(brief(await engine.ask(selecting("10.9.0.2")))).toBe("ack 10.9.0.2 to 10.9.0.2");
    expect(leases(engine)).toEqual([held("10.9.0.2")]);
    expect(engine.routes.lines()).toEqual([
      "10.9.0.2 dev cni0 scope link proto 204",
      `10.9.0.2 lladdr ${client(1)} PERMANENT`,
    ]);
  });

  test("Q2 another server's offer: silence, and ours is free at once", async () => {
    await using engine = await startEngine();
    await engine.ask({});
    expect(brief(await engine.ask(selecting("10.9.0.2", "10.9.0.6")))).toBe("silence");
    expect(engine.ledger.offers.size).toBe(0);
    expect(leases(engine)).toEqual([]);
  });

  test("Q3 an offer that a restart lost is granted while free, else refused", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask(selecting("10.9.0.5")))).toBe("ack 10.9.0.5 to 10.9.0.5");
    expect(brief(await engine.ask(selecting("10.9.0.5", S, 2)))).toBe("nak to everyone");
  });

  test("Q4 neither option 50 nor ciaddr", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ type: "request", serverId: S }))).toBe("silence");
    expect([...engine.counters.dropped]).toEqual([["incomplete", 1]]);
  });
});

describe("Q init-reboot", () => {
  test("Q5, Q6, Q7 the lease's address, another one, one of another subnet", async () => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2"));
    expect(brief(await engine.ask(rebooting("10.9.0.2")))).toBe("ack 10.9.0.2 to 10.9.0.2");
    expect(brief(await engine.ask(rebooting("10.9.0.3")))).toBe("nak to everyone");
    expect(brief(await engine.ask(rebooting("192.168.1.7")))).toBe("nak to everyone");
    expect(leases(engine)).toEqual([held("10.9.0.2")]);
  });

  test("Q8 no record: granted when free, else refused; without authority an unknown foreign address is not", async () => {
    await using engine = await startEngine();
    await engine.attach(client(9), "10.9.0.4");
    expect(brief(await engine.ask(rebooting("10.9.0.5")))).toBe("ack 10.9.0.5 to 10.9.0.5");
    expect(brief(await engine.ask(rebooting("10.9.0.4", 2)))).toBe("nak to everyone");
    await using guest = await startEngine({ settings: { authoritative: false } });
    expect(brief(await guest.ask(rebooting("192.168.1.7")))).toBe("silence");
    expect([...guest.counters.dropped]).toEqual([["not-authoritative", 1]]);
  });
});

describe("Q renewing and rebinding", () => {
  test("Q9 the lease goes on, T1 and T2 spread", async () => {
    await using engine = await startEngine({ settings: { leaseSeconds: 1_600 } });
    await engine.ask(rebooting("10.9.0.2"));
    engine.pass(800);
    const sent = await engine.ask(renewing("10.9.0.2"), "10.9.0.2");
    expect(brief(sent)).toBe("ack 10.9.0.2 to 10.9.0.2");
    expect([...engine.ledger.leases()][0]?.until).toBe(engine.now() + 1_600_000);
    // The test's random number is a half: half of a sixteenth of the lease earlier.
    expect([58, 59].map((code) => Number(`0x${optionOf(sent, code)}`))).toEqual([750, 1_350]);
  });

  test("Q10 an address that is someone else's", async () => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2", 2));
    await engine.attach(client(9), "10.9.0.4");
    for (const address of ["10.9.0.2", "10.9.0.4", S])
      expect(brief(await engine.ask(renewing(address), address))).toBe("nak to everyone");
  });

  test("Q11 no lease, the address free: made again", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask(renewing("10.9.0.5"), "10.9.0.5"))).toBe(
      "ack 10.9.0.5 to 10.9.0.5",
    );
    expect(leases(engine)).toEqual([held("10.9.0.5")]);
  });

  test("Q12 a foreign subnet's address: refused with authority, else silence", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask(renewing("172.16.0.9"), "172.16.0.9"))).toBe("nak to everyone");
    await using guest = await startEngine({ settings: { authoritative: false } });
    expect(brief(await guest.ask(renewing("172.16.0.9"), "172.16.0.9"))).toBe("silence");
  });

  test("Q13 option 50 beside ciaddr: the same is a renewal, another one is what counts", async () => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2"));
    const both = { ...rebooting("10.9.0.2"), ciaddr: "10.9.0.2" };
    expect((await engine.ask(both, "10.9.0.2"))[0]?.reply).toMatchObject({
      type: "ack",
      ciaddr: "10.9.0.2",
    });
    expect(brief(await engine.ask({ ...both, requested: "10.9.0.3" }))).toBe("nak to everyone");
    expect(brief(await engine.ask({ ...both, ciaddr: "10.9.0.3" }))).toBe(
      "ack 10.9.0.2 to 10.9.0.2",
    );
  });

  test("a renewal that names another server is not ours to answer", async () => {
    await using engine = await startEngine();
    expect(brief(await engine.ask({ ...renewing("10.9.0.2"), serverId: "10.9.0.6" }))).toBe(
      "silence",
    );
  });
});

describe("Q what the ledger does", () => {
  test("Q14 a repeated REQUEST gets the same ACK and no second lease", async () => {
    await using engine = await startEngine();
    const first = await engine.ask(selecting("10.9.0.2"));
    const again = await engine.askAtOnce([selecting("10.9.0.2"), selecting("10.9.0.2")]);
    expect(again.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      [first[0], first[0]].map((sent) => Buffer.from(sent?.bytes ?? [])),
    );
    expect(leases(engine)).toEqual([held("10.9.0.2")]);
  });

  test("Q15 a failed commit is silence and no change; the next REQUEST is served", async () => {
    let broken = true;
    const beforeCommit = (changes: readonly Change[]) =>
      broken
        ? Promise.reject(new Error(`no space for ${changes.length} changes`))
        : Promise.resolve();
    await using engine = await startEngine({ beforeCommit });
    expect(brief(await engine.ask(selecting("10.9.0.2")))).toBe("silence");
    expect([leases(engine), engine.routes.lines()]).toEqual([[], []]);
    expect(engine.counters.dropped.get("unbound")).toBe(1);
    broken = false;
    expect(brief(await engine.ask(selecting("10.9.0.2")))).toBe("ack 10.9.0.2 to 10.9.0.2");
  });

  test("Q15 no ACK before the commit ends", async () => {
    let letCommit: () => void = () => undefined;
    const beforeCommit = () => new Promise<void>((resolve) => (letCommit = resolve));
    await using engine = await startEngine({ beforeCommit });
    const answer = engine.ask(selecting("10.9.0.2"));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect([engine.counters.sent.ack, engine.routes.lines()]).toEqual([0, []]);
    letCommit();
    expect(brief(await answer)).toBe("ack 10.9.0.2 to 10.9.0.2");
  });

  test("Q15 a failed route is silence, never a NAK, and the lease is taken back", async () => {
    await using engine = await startEngine();
    engine.routes.setBridge(false);
    expect(brief(await engine.ask(selecting("10.9.0.2")))).toBe("silence");
    expect(leases(engine)).toEqual([]);
    engine.routes.setBridge(true);
    expect(brief(await engine.ask(selecting("10.9.0.2")))).toBe("ack 10.9.0.2 to 10.9.0.2");
  });

  test("Q16 an address in quarantine is refused", async () => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2"));
    await engine.ask({ type: "decline", serverId: S, requested: "10.9.0.2" });
    expect(brief(await engine.ask(rebooting("10.9.0.2")))).toBe("nak to everyone");
    expect(brief(await engine.ask(rebooting("10.9.0.2", 2)))).toBe("nak to everyone");
  });

  test("Q17 a guest that moves: the old route goes, the old address is not free before the new one is durable", async () => {
    await using engine = await startEngine();
    await engine.ask(rebooting("10.9.0.2"));
    expect(brief(await engine.ask(selecting("10.9.0.3")))).toBe("ack 10.9.0.3 to 10.9.0.3");
    expect(leases(engine)).toEqual([held("10.9.0.3")]);
    expect(engine.routes.lines().join()).not.toContain("10.9.0.2");
    expect(engine.ledger.lease(ip("10.9.0.2"))?.state).toBe("cooling");
  });

  test("Q18 a restart after the commit: the repeated REQUEST gets the same address", async () => {
    const disk = new Map();
    await using before = await startEngine({ disk });
    await before.ask(selecting("10.9.0.4"));
    await using after = await startEngine({ disk });
    expect(brief(await after.ask(selecting("10.9.0.4")))).toBe("ack 10.9.0.4 to 10.9.0.4");
    expect(brief(await after.ask({}))).toBe("offer 10.9.0.4 to 10.9.0.4");
    expect(brief(await after.ask(selecting("10.9.0.4", S, 2)))).toBe("nak to everyone");
  });
});
