// How many guests one port may have, in sequences of requests, releases, restarts and vanished ports.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Mac, ip, parseMac } from "#core/address.ts";
import type { BusinessEvent } from "#core/events.ts";
import { Ledger } from "#core/ledger.ts";
import { deleteLease } from "#core/record.ts";
import type { GuestLeasing } from "#broker/dhcp/leasing-port.ts";
import { GuestPorts } from "#broker/guest-ports.ts";
import { limitPorts } from "#broker/port-limit.ts";

const mac = (number: number): Mac =>
  parseMac(`02:00:00:00:00:${number.toString(16).padStart(2, "0")}`) as Mac;
const address = (number: number) => ip(`10.9.0.${number + 2}`);

/** Guests that get whatever they ask for, each its own address, unless the port's limit says no. */
function machine(limit: number, bound: (of: Mac) => Promise<void> = () => Promise.resolve()) {
  const ledger = new Ledger();
  const seen = new Map<Mac, number>();
  const gone = new Set<number>();
  const events: BusinessEvent[] = [];
  const asked: string[] = [];
  const ports = new GuestPorts({
    ledger,
    portOf: (of) => seen.get(of),
    nameOf: (port) => (gone.has(port) ? undefined : `port${port}`),
    limit,
  });
  const number = (of: Mac) => Number.parseInt(of.slice(-2), 16);
  const lease = (of: Mac) => ({
    ip: address(number(of)),
    pool: "node",
    state: "leased" as const,
    owner: { kind: "guest" as const, mac: of },
    mac: of,
    sequence: ledger.nextSequence(),
    since: 0,
    routed: true,
  });
  const guests: GuestLeasing = {
    offer({ mac: of }) {
      ledger.offers.hold({ ip: address(number(of)), mac: of, since: 0, until: 60_000 });
      return { kind: "offer", ip: address(number(of)) };
    },
    async bind({ mac: of, ip: wanted, seconds }) {
      // A commit takes a while, in which others ask.
      await Promise.resolve();
      const offer = ledger.offers.of(of);
      if (offer !== undefined) ledger.offers.drop(offer);
      ledger.apply([{ op: "put", record: { kind: "lease", lease: lease(of) } }]);
      return { kind: "bound", ip: wanted, seconds };
    },
    release({ mac: of }) {
      asked.push(`release ${of}`);
      ledger.apply([deleteLease(address(number(of)))]);
      return Promise.resolve();
    },
    decline({ mac: of }) {
      asked.push(`decline ${of}`);
      return Promise.resolve();
    },
    abandon: () => undefined,
  };
  const emit = (event: BusinessEvent) => void events.push(event);
  const leasing = limitPorts({ guests, ports, now: () => 0, emit, bound });
  const bind = (of: Mac) =>
    leasing.bind({ mac: of, ip: address(number(of)), mode: "init-reboot", seconds: 600 });
  return { ledger, seen, gone, events, asked, ports, leasing, bind };
}

const PORT = 5;
const holders = (ledger: Ledger): number => [...ledger.leases()].length + ledger.offers.size;

test("a port's limit counts offers and leases; who has one keeps it", async () => {
  const { leasing, bind, seen, events, ledger } = machine(2);
  for (let number = 0; number < 4; number += 1) seen.set(mac(number), PORT);
  expect(leasing.offer({ mac: mac(0) }).kind).toBe("offer");
  expect((await bind(mac(1))).kind).toBe("bound");
  expect(leasing.offer({ mac: mac(2) })).toEqual({ kind: "limited" });
  expect(await bind(mac(3))).toMatchObject({ kind: "silent" });
  expect((await bind(mac(0))).kind).toBe("bound");
  expect((await bind(mac(1))).kind).toBe("bound");
  expect(holders(ledger)).toBe(2);
  // One event for a port in a minute, whatever was asked.
  expect(events).toEqual([{ event: "dhcp.limited", mac: mac(2), port: "port5", limit: 2 }]);
});

test("what is given back, and a port that is gone, make room", async () => {
  const { leasing, bind, seen, gone, ports } = machine(1);
  for (const number of [0, 1, 2]) seen.set(mac(number), PORT);
  await bind(mac(0));
  expect(leasing.offer({ mac: mac(1) }).kind).toBe("limited");
  await leasing.release({ mac: mac(0), ip: address(0) });
  expect((await bind(mac(1))).kind).toBe("bound");
  gone.add(PORT);
  ports.sweep();
  expect(ports.ports()).toEqual(new Set());
  seen.set(mac(1), 6);
  expect((await bind(mac(1))).kind).toBe("bound");
  expect(ports.placeOf(mac(1))).toBe(6);
});

test("two first requests at once do not both pass a limit of one", async () => {
  const { bind, seen } = machine(1);
  for (const number of [0, 1]) seen.set(mac(number), PORT);
  const kinds = (await Promise.all([bind(mac(0)), bind(mac(1))])).map(({ kind }) => kind);
  expect(kinds).toEqual(["bound", "silent"]);
});

test("a container's MAC is not counted, and gets its own address from a full port", () => {
  const { leasing, seen, ledger } = machine(1);
  for (const number of [0, 1]) seen.set(mac(number), PORT);
  leasing.offer({ mac: mac(0) });
  const owner = { kind: "container", network: "net", containerId: "c", ifname: "eth0" } as const;
  const lease = { ip: address(1), pool: "node", state: "leased", owner, mac: mac(1) } as const;
  const rest = { sequence: 9, since: 0, routed: true };
  ledger.apply([{ op: "put", record: { kind: "lease", lease: { ...lease, ...rest } } }]);
  expect(leasing.offer({ mac: mac(1) }).kind).toBe("offer");
});

test("whatever is invented, no more is remembered than may be held", () => {
  const { leasing, seen, ports } = machine(2);
  for (let number = 0; number < 250; number += 1) {
    seen.set(mac(number), PORT);
    leasing.offer({ mac: mac(number) });
  }
  expect(ports.placed().size).toBe(2);
});

test("no limit, and a MAC that the bridge does not know, pass", () => {
  const without = machine(0);
  const unknown = machine(1);
  for (let number = 0; number < 9; number += 1) {
    without.seen.set(mac(number), PORT);
    expect(without.leasing.offer({ mac: mac(number) }).kind).toBe("offer");
    expect(unknown.leasing.offer({ mac: mac(number) }).kind).toBe("offer");
  }
});

test.each(["release", "decline"] as const)(
  "a %s through another port is not believed",
  async (what) => {
    const { leasing, bind, seen, gone, asked, events } = machine(4);
    seen.set(mac(0), PORT);
    await bind(mac(0));
    seen.set(mac(0), 6);
    await leasing[what]({ mac: mac(0), ip: address(0) });
    expect(asked).toEqual([]);
    expect(events).toEqual([{ event: "dhcp.spoofed", mac: mac(0), port: "port6", message: what }]);
    // The guest was moved there: its old port is gone.
    gone.add(PORT);
    await leasing[what]({ mac: mac(0), ip: address(0) });
    expect(asked).toEqual([`${what} ${mac(0)}`]);
  },
);

test("an acknowledgement waits until the guest may use its address, and is kept back when it may not", async () => {
  const refuse = () => Promise.reject(new Error("nft says no"));
  const { bind, seen } = machine(1, refuse);
  seen.set(mac(0), PORT);
  expect(await bind(mac(0))).toEqual({ kind: "silent", reason: "nft says no" });
});

const step = fc.record({
  what: fc.constantFrom("offer", "bind", "release", "lapse"),
  guest: fc.nat({ max: 11 }),
});

test("no port ever holds more than its limit, and no guest is refused while its port has room", async () => {
  const limit = 3;
  const ports = 3;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { leasing, bind, seen, ledger } = machine(limit);
      for (let number = 0; number < 12; number += 1) seen.set(mac(number), number % ports);
      const holds = (number: number) =>
        ledger.lease(address(number)) !== undefined || ledger.offers.of(mac(number)) !== undefined;
      const onPort = (port: number) =>
        Array.from({ length: 12 }, (_, number) => number).filter(
          (number) => number % ports === port && holds(number),
        ).length;
      for (const { what, guest } of steps) {
        const room = holds(guest) || onPort(guest % ports) < limit;
        if (what === "offer")
          expect(leasing.offer({ mac: mac(guest) }).kind === "offer").toBe(room);
        else if (what === "bind") expect((await bind(mac(guest))).kind === "bound").toBe(room);
        else if (what === "release") await leasing.release({ mac: mac(guest), ip: address(guest) });
        else ledger.offers.lapse(60_000);
        for (let port = 0; port < ports; port += 1) expect(onPort(port)).toBeLessThanOrEqual(limit);
      }
    }),
  );
});
