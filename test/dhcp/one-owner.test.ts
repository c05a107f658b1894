// Checklist V6: whatever guests and containers do, and in whatever order, no address has two owners.

import fc from "fast-check";
import { expect, test } from "vitest";
import { client } from "./client-packet.ts";
import { type Engine, type Sent, startEngine } from "./engine.ts";

const GUESTS = 6;
const ADDRESSES = [
  "10.9.0.1",
  "10.9.0.2",
  "10.9.0.3",
  "10.9.0.4",
  "10.9.0.5",
  "10.9.0.6",
  "10.9.1.1",
];
const LEASE_SECONDS = 300;

const guest = fc.integer({ min: 1, max: GUESTS });
const address = fc.constantFrom(...ADDRESSES);
const step = fc.oneof(
  fc.record({ kind: fc.constant("discover" as const), guest, rapid: fc.boolean() }),
  fc.record({
    kind: fc.constantFrom("select", "reboot", "renew", "release", "decline", "attach", "detach"),
    guest,
    address,
  }),
  fc.record({ kind: fc.constant("pass" as const), seconds: fc.constantFrom(1, 61, 200, 400) }),
);

/** What the world was told: guests by ACK until their time is over, containers until their DEL. */
class Told {
  readonly owners = new Map<string, { by: string; until: number }>();

  acknowledge(sent: readonly Sent[], by: string, now: number): void {
    for (const { reply } of sent) {
      if (reply.type !== "ack" || reply.yiaddr === "0.0.0.0") continue;
      // A guest that is given another address gives up the one before.
      for (const [at, owner] of this.owners)
        if (owner.by === by && at !== reply.yiaddr && Number.isFinite(owner.until))
          this.owners.delete(at);
      this.claim(reply.yiaddr, by, now, now + LEASE_SECONDS * 1_000);
    }
  }

  claim(at: string, by: string, now: number, until: number): void {
    const before = this.owners.get(at);
    const current = before !== undefined && before.until > now ? before : undefined;
    if (current !== undefined) expect(`${at} of ${by}`).toBe(`${at} of ${current.by}`);
    this.owners.set(at, { by, until: Math.max(until, current?.until ?? 0) });
  }

  /** A repeated ADD replaces what the container had. */
  attached(given: readonly string[], by: string, now: number): void {
    for (const [at, owner] of this.owners)
      if (owner.by === by && owner.until === Number.POSITIVE_INFINITY) this.owners.delete(at);
    for (const at of given) this.claim(at, by, now, Number.POSITIVE_INFINITY);
  }

  free(at: string, by: string): void {
    if (this.owners.get(at)?.by === by) this.owners.delete(at);
  }
}

async function take(
  engine: Engine,
  told: Told,
  step: { kind: string; guest: number; address?: string; rapid?: boolean },
): Promise<void> {
  const { kind, guest: last, address: at = "10.9.0.2" } = step;
  const mac = client(last);
  // One owner for all of a MAC's addresses: a guest and the container with its MAC are one station.
  const ask = async (packet: object, source = "0.0.0.0") =>
    told.acknowledge(await engine.ask({ mac, ...packet }, source), mac, engine.now());
  switch (kind) {
    case "discover":
      return ask(step.rapid === true ? { more: { 80: [] } } : {});
    case "select":
      return ask({ type: "request", serverId: "10.9.0.1", requested: at });
    case "reboot":
      return ask({ type: "request", requested: at });
    case "renew":
      return ask({ type: "request", ciaddr: at }, at);
    case "release":
    case "decline":
      if (told.owners.get(at)?.by === mac) told.free(at, mac);
      return ask(
        kind === "release"
          ? { type: "release", ciaddr: at }
          : { type: "decline", serverId: "10.9.0.1", requested: at },
        at,
      );
    case "attach":
      return engine.attach(mac, at).then(
        (given) => told.attached(given, mac, engine.now()),
        () => undefined,
      );
    default: {
      await engine.detach(mac);
      for (const [held, { by }] of told.owners) if (by === mac) told.free(held, mac);
    }
  }
}

test("V6 random interleavings: every acknowledged address has one owner, and each lease its route", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      await using engine = await startEngine({ settings: { leaseSeconds: LEASE_SECONDS } });
      const told = new Told();
      for (const one of steps) {
        if (one.kind === "pass" && "seconds" in one) engine.pass(one.seconds);
        else if ("guest" in one) await take(engine, told, one);
      }
      const leased = [...engine.ledger.leases()]
        .filter(({ state }) => state === "leased")
        .map(({ ip }) => `${ip} dev cni0 scope link proto 204`);
      const routed = engine.routes.lines().filter((line) => line.includes("scope link"));
      expect(routed).toEqual(leased.toSorted());
    }),
    { numRuns: 150 },
  );
});
