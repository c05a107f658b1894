// What a broker does before it serves: a reboot's containers, a clock that was set, and a ledger that was lost.

import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { type Ip, ip } from "#core/address.ts";
import { decideAttach } from "#core/attach.ts";
import { decideConfirm } from "#core/detach.ts";
import { ownerKey } from "#core/lease.ts";
import type { Change } from "#core/record.ts";
import { COOLING_TIME, STICKY_TIME } from "#core/limits.ts";
import type { Evidence, LedgerStore, Mirror, Sighting } from "#core/ports.ts";
import { DAY, HOUR } from "#core/time.ts";
import { type Parts, createParts } from "#broker/parts.ts";
import { Standing } from "#broker/standing.ts";
import { takeUp } from "#broker/startup.ts";
import { createSteadyClock } from "#broker/steady-clock.ts";
import { createTelemetry } from "#broker/telemetry.ts";
import { START, container, mac, pool, stamp } from "#test/core/lease-fixtures.ts";
import { type MemoryDisk, openMemoryStore } from "#test/fakes/memory-store.ts";
import { fakeRouteTable } from "#test/fakes/route-table.ts";
import { emptySpool } from "#test/fakes/empty-spool.ts";

const node = pool("10.9.0.0/28");
const GUEST_IP = ip("10.9.0.9");
const LEASE_SECONDS = 86_400;

/** A machine that outlives its brokers. */
class Machine {
  readonly disk: MemoryDisk = new Map();
  readonly routes = fakeRouteTable();
  readonly commits: (readonly Change[])[] = [];
  boots = 1;
  wall = START;
  boottime = HOUR;
  seen: readonly Sighting[] = [];
  parts: Parts | undefined;
  /** The next start finds a ledger that was put aside, and what could be read of it. */
  damaged = false;
  /** Commits until the process is killed. */
  commitsLeft = Infinity;

  get bootId(): string {
    return `b00${this.boots}`;
  }
  pass(milliseconds: number): void {
    this.wall += milliseconds;
    this.boottime += milliseconds;
  }
  reboot(away: number): void {
    this.boots++;
    this.wall += away;
    this.boottime = 0;
    this.routes.setBridge(false);
    this.routes.setBridge(true);
  }

  async start(): Promise<Parts> {
    const clock = createSteadyClock({ now: () => this.wall, boottime: () => this.boottime });
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const telemetry = createTelemetry({
      level: "error",
      now: () => clock.now(),
      destination: nowhere,
    });
    const whole = openMemoryStore({
      disk: this.disk,
      beforeCommit: async (changes) => {
        if (this.commitsLeft-- <= 0) throw new Error("the process was killed");
        this.commits.push(changes);
      },
    });
    const { damaged } = this;
    const store: LedgerStore = {
      ...whole,
      load: async () => ({ ...(await whole.load()), ...(damaged ? { condition: "damaged" } : {}) }),
    };
    const mirror: Mirror = { read: async () => undefined, digest: () => "", write: async () => "" };
    const spool = emptySpool();
    const parts = createParts({
      store,
      mirror,
      spool,
      clock,
      telemetry,
      routes: this.routes,
      bootId: this.bootId,
      pool: node,
      readText: async () => "",
      serving: () => false,
      decorate: undefined,
    });
    const evidence: Evidence = {
      attachment: async () => "present",
      scan: async () => this.seen,
    };
    await takeUp(parts, {
      store,
      evidence,
      mirror,
      clock,
      pool: node,
      standing: new Standing(),
      log: telemetry.log,
      leaseSeconds: LEASE_SECONDS,
      tell: () => undefined,
    });
    this.parts = parts;
    return parts;
  }

  /** A confirmed container of this boot. */
  async add(id: string, sticky?: string): Promise<Ip> {
    const { leasing } = this.parts ?? (await this.start());
    const owner = container(id);
    const attachment = { netns: "/run/netns/x", stamp: stamp(this.boottime, this.bootId) };
    const asked = sticky === undefined ? {} : { sticky };
    const outcome = await leasing.submit("ADD", (ledger, moment) =>
      decideAttach(
        ledger,
        { owner, attachment, pool: node, requested: [], strict: false, ...asked },
        moment,
      ),
    );
    const [lease] = outcome.kind === "attached" ? outcome.leases : [];
    if (lease === undefined) throw new Error("no address");
    const delivered = { key: ownerKey(owner), sequences: [lease.sequence] };
    await leasing.submit("CONFIRM", (ledger) => decideConfirm(ledger, delivered));
    return lease.ip;
  }
  async guest(): Promise<void> {
    await this.parts?.guests.bind({
      mac: mac(9),
      ip: GUEST_IP,
      mode: "selecting",
      seconds: LEASE_SECONDS,
    });
  }
}

test("after a reboot the containers' addresses are back before anything is served; guests and names keep theirs", async () => {
  const machine = new Machine();
  await machine.start();
  const plain = await machine.add("plain");
  const named = await machine.add("named", "default/web-0 (net eth0)");
  await machine.guest();
  machine.reboot(2 * DAY);
  const { ledger } = await machine.start();
  expect(ledger.lease(plain)).toMatchObject({
    state: "cooling",
    until: machine.wall + COOLING_TIME,
  });
  expect(ledger.lease(named)).toMatchObject({
    state: "cooling",
    until: machine.wall + STICKY_TIME,
  });
  expect(ledger.lease(GUEST_IP)).toMatchObject({ state: "leased" });
  expect(await machine.add("again", "default/web-0 (net eth0)")).toBe(named);
});

test("a restart within a boot takes nothing from anybody, and writes nothing", async () => {
  const machine = new Machine();
  await machine.start();
  const address = await machine.add("a");
  await machine.guest();
  const before = [...(machine.parts?.ledger.leases() ?? [])];
  const commits = machine.commits.length;
  machine.pass(60_000);
  const { ledger } = await machine.start();
  expect([...ledger.leases()].toSorted(byIp)).toEqual(before.toSorted(byIp));
  expect(ledger.lease(address)?.state).toBe("leased");
  expect(machine.commits).toHaveLength(commits);
});

test.each([-400 * DAY, -HOUR, 2 * HOUR, 400 * DAY])(
  "a clock set by %i while no broker ran changes what is left of nothing",
  async (step) => {
    const machine = new Machine();
    await machine.start();
    await machine.guest();
    const cooled = await machine.add("cooled");
    await machine.parts?.guests.release({ mac: mac(9), ip: GUEST_IP });
    await machine.guest();
    const left = () =>
      (machine.parts?.ledger.lease(GUEST_IP)?.until ?? 0) -
      (machine.parts?.leasing.moment().now ?? 0);
    const before = left();
    machine.pass(10_000);
    machine.wall += step;
    await machine.start();
    expect(left()).toBe(before - 10_000);
    expect(machine.parts?.ledger.lease(cooled)?.state).toBe("leased");
    // Another restart, after the clock was set back: the same.
    machine.wall -= step;
    await machine.start();
    expect(left()).toBe(before - 10_000);
  },
);

test("small corrections of the clock do not move it: what cools has its whole time", async () => {
  const machine = new Machine();
  await machine.start();
  const now = () => machine.parts?.leasing.moment().now ?? 0;
  const before = now();
  for (let restart = 0; restart < 5; restart++) {
    machine.pass(1_000);
    machine.wall += 1_500;
    await machine.start();
  }
  expect(now()).toBe(before + 5_000);
});

test("after a reboot with a clock far ahead a guest has until T1 to renew", async () => {
  const machine = new Machine();
  await machine.start();
  await machine.guest();
  machine.reboot(4_000 * DAY);
  const { ledger, leasing } = await machine.start();
  expect(ledger.lease(GUEST_IP)?.until).toBe(leasing.moment().now + (LEASE_SECONDS / 2) * 1_000);
});

test("a lost ledger's first commit holds what was found in use: nothing about clocks comes before it", async () => {
  const machine = new Machine();
  machine.seen = [{ ip: ip("10.9.0.5"), evidence: "namespace" }];
  const { ledger } = await machine.start();
  const [first] = machine.commits;
  expect(first).toContainEqual(
    expect.objectContaining({ record: expect.objectContaining({ kind: "lease" }) }),
  );
  expect(ledger.lease(ip("10.9.0.5"))).toMatchObject({ owner: { kind: "found" } });
  expect(await machine.add("a")).toBe("10.9.0.2");
});

test.each([HOUR, -HOUR])(
  "a damaged ledger and a clock set by %i: what was found, or released, at this start keeps its times",
  async (step) => {
    for (const killed of [false, true]) {
      const machine = new Machine();
      await machine.start();
      await machine.guest();
      machine.wall += step;
      machine.damaged = true;
      machine.seen = [{ ip: ip("10.9.0.5"), evidence: "namespace" }];
      machine.commitsLeft = killed ? 1 : Infinity;
      const started = machine.start();
      if (killed) {
        await expect(started).rejects.toThrow("the process was killed");
        machine.damaged = false;
        machine.commitsLeft = Infinity;
        await machine.start();
      } else await started;
      const { ledger } = machine.parts ?? {};
      expect(ledger?.lease(ip("10.9.0.5"))?.since).toBe(machine.wall);
      const guest = ledger?.lease(GUEST_IP);
      expect(guest?.state).toBe("leased");
      expect(guest?.until).toBeGreaterThanOrEqual(machine.wall + (LEASE_SECONDS / 2) * 1_000);
      // From here on the clock is known again.
      const { length: commits } = machine.commits;
      machine.damaged = false;
      await machine.start();
      expect(machine.commits).toHaveLength(commits);
    }
  },
);

const byIp = (one: { ip: string }, other: { ip: string }): number => (one.ip < other.ip ? -1 : 1);
