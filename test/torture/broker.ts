// The broker in process, put together as the composition root does it, with a death that takes effect in the middle of things.

import { rmSync } from "node:fs";
import { pino } from "pino";
import { type Ip, ip } from "#core/address.ts";
import type { Ledger } from "#core/ledger.ts";
import { unchanged } from "#core/effects.ts";
import { nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Pool } from "#core/range.ts";
import type { CniAnswer, FsckAnswer } from "#broker/api/contract.ts";
import { createApiHandlers } from "#broker/api-handlers.ts";
import { type DhcpReply, decodeReply } from "#broker/dhcp/reply.ts";
import { createFsck } from "#broker/fsck.ts";
import { createDhcpServer } from "#broker/dhcp/server.ts";
import { dhcpSettings } from "#broker/dhcp/settings.ts";
import { verbOfReply } from "#broker/dhcp-verb.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { type Parts, createParts } from "#broker/parts.ts";
import { createReconciler } from "#broker/reconciler.ts";
import { resyncRoutes } from "#broker/resync.ts";
import { Standing } from "#broker/standing.ts";
import { takeUp } from "#broker/startup.ts";
import { createSteadyClock } from "#broker/steady-clock.ts";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { openMirror } from "#broker/stores/mirror.ts";
import { openSpool } from "#broker/stores/spool.ts";
import { sweep } from "#broker/sweeper.ts";
import { createTelemetry } from "#broker/telemetry.ts";
import { BRIDGE } from "./kernel.ts";
import type { Machine } from "./machine.ts";
import { type Fate, mortal, never } from "./mortal.ts";

export const GATEWAY = ip("10.203.0.1");
const LEASE_SECONDS = 3_600;

/** One for all brokers of the process: what it tells is not looked at. */
const telemetry = createTelemetry({
  level: "error",
  now: () => 0,
  destination: { write: () => undefined },
});
const log = pino({ level: "silent" });

export const poolOf = (prefix: number): Pool => {
  const subnet = parsePrefix(`10.203.0.0/${prefix}`);
  if (subnet === undefined) throw new Error(`no prefix length: ${prefix}`);
  return nodePool({ subnet, gateway: GATEWAY });
};

export interface TortureBroker {
  readonly ledger: Ledger;
  readonly pool: Pool;
  /** Resolves when it dies, with what its disk holds in that moment. */
  readonly death: Promise<Buffer>;
  readonly isDead: () => boolean;
  die(name: string): void;
  cni(body: unknown): Promise<CniAnswer>;
  confirm(token: string): Promise<void>;
  forget(address: Ip, sequence: number): Promise<void>;
  /** Puts a datagram in. */
  receive(datagram: Uint8Array, source: string): void;
  /** Replies to the transaction since the last call, once nothing more is under way. */
  replies(transaction: number): Promise<readonly DhcpReply[]>;
  /** Resolves when nothing is under way any more, what follows from failures included. */
  rest(): Promise<void>;
  sweep(): Promise<void>;
  look(): Promise<void>;
  resync(): Promise<boolean>;
  /** `wait` passes the time between two looks. */
  fsck(repair: boolean, wait: (milliseconds: number) => Promise<void>): Promise<FsckAnswer>;
  mirror(): Promise<void>;
  drain(): Promise<void>;
  /** Lets go of the files; what was under way ends unseen. */
  bury(): Promise<void>;
}

export async function startTortureBroker(
  machine: Machine,
  prefix: number,
  fate: Fate,
  born: (broker: Pick<TortureBroker, "death" | "bury">) => void,
): Promise<TortureBroker> {
  const { promise: death, resolve } = Promise.withResolvers<Buffer>();
  let dead = false;
  const die = (name: string): void => {
    if (dead) return;
    dead = true;
    fate.at = undefined;
    fate.met.set(name, (fate.met.get(name) ?? 0) + 1);
    resolve(machine.ledgerImage());
  };
  const path = machine.ledgerFolder;
  const store = await openLmdb({ path, durability: "sync" });
  const bury = async (): Promise<void> => {
    await store[Symbol.asyncDispose]();
    rmSync(path, { recursive: true, force: true });
  };
  born({ death, bury });
  const clock = createSteadyClock(machine.clock);
  const routes = openRouteTable({ netlink: machine.kernel, bridge: BRIDGE });
  const mirror = openMirror({ path: machine.mirrorFile, trouble: () => undefined });
  const spool = openSpool(machine.spoolFolder);
  const pool = poolOf(prefix);
  let resyncDue = false;
  const parts = createParts({
    store,
    routes,
    mirror,
    clock,
    pool,
    telemetry,
    spool,
    bootId: machine.bootId,
    readText: () => Promise.resolve(""),
    serving: () => true,
    decorate: (plain) => mortal(plain, fate, { die, isDead: () => dead }),
  });
  parts.onDisagreement(() => (resyncDue = true));
  const standing = new Standing();
  const { evidence } = machine;
  await takeUp(parts, {
    store,
    clock,
    leaseSeconds: LEASE_SECONDS,
    tell: () => undefined,
    evidence,
    mirror,
    pool,
    standing,
    log,
  });
  parts.mirroring.touch(["SWEEP"]);
  const dhcp = startDhcp(parts, () => clock.now(), pool);
  const handlers = createApiHandlers({
    ...parts,
    pool,
    telemetry,
    routeStands: (address) => routes.stands(address),
    notServing: () => undefined,
    notReady: () => undefined,
    report: unasked,
    fsck: unasked,
  });
  const reconciler = createReconciler({
    leasing: parts.leasing,
    evidence,
    trouble: () => undefined,
  });
  const idle = async (): Promise<void> => {
    const last = parts.leasing.submit("STATUS", () => unchanged(undefined));
    await Promise.allSettled([last]);
    await new Promise((done) => setImmediate(done));
  };
  return {
    ledger: parts.ledger,
    pool,
    death,
    isDead: () => dead,
    die,
    bury,
    cni: (body) =>
      new Promise((answer, reject) => {
        handlers.cni(body, async (told) => answer(told)).catch(reject);
      }),
    confirm: (token) => handlers.cniConfirm(token),
    forget: (address, sequence) => handlers.forgetLease(address, sequence, async () => undefined),
    receive: dhcp.receive,
    async replies(transaction) {
      await idle();
      return dhcp.replies(transaction);
    },
    async rest() {
      await idle();
      await idle();
    },
    async sweep() {
      parts.ledger.offers.lapse(parts.leasing.moment().now);
      while ((await sweep(parts.leasing)) === "more");
      await idle();
    },
    async look() {
      await reconciler.look();
      await idle();
    },
    async resync() {
      await idle();
      const { failed } = await resyncRoutes(parts.ledger, routes);
      resyncDue = failed > 0;
      return !resyncDue;
    },
    async fsck(repair, wait) {
      const { inspection, mirrorFile: leaseFile } = machine;
      const poolFile = async () => [];
      const trouble = () => undefined;
      // What goes past the writer must not reach the kernel of the next broker.
      const list = () => (dead ? never<never>() : routes.list());
      const apply: typeof routes.apply = (all) => (dead ? never() : routes.apply(all));
      const world = {
        routes: { ...routes, list, apply },
        mirror,
        spool,
        pool,
        leaseFile,
        poolFile,
        evidence,
        inspection,
      };
      const answer = await createFsck({ ...parts, ...world, trouble, wait })(repair);
      await idle();
      return answer;
    },
    mirror: () => parts.mirroring.flush(),
    drain: async () => void (await parts.spooler.drain()),
  };
}

function startDhcp(parts: Parts, now: () => number, pool: Pool) {
  let handle: (datagram: Uint8Array, source: Ip) => void = () => undefined;
  let heard: DhcpReply[] = [];
  const subnet = pool.sets[0]?.[0]?.subnet;
  if (subnet === undefined) throw new Error("a pool without a subnet");
  const server = createDhcpServer({
    socket: {
      receive: (handler) => (handle = handler),
      send(bytes) {
        const reply = decodeReply(bytes);
        if (reply === undefined) throw new Error("a reply that cannot be read");
        void parts.effects.reply([verbOfReply(bytes)], () => void heard.push(reply));
      },
    },
    leasing: parts.guests,
    settings: dhcpSettings({ serverId: GATEWAY, subnet, leaseSeconds: LEASE_SECONDS }),
    now,
    random: () => 0.5,
    onEvent: () => undefined,
  });
  void server.run(new AbortController().signal);
  return {
    receive: (datagram: Uint8Array, source: string) => handle(datagram, ip(source)),
    replies(transaction: number) {
      const own = heard.filter(({ xid }) => xid === transaction);
      heard = heard.filter(({ xid }) => xid !== transaction);
      return own;
    },
  };
}

const unasked = (): never => {
  throw new Error("nobody asks for that here");
};
