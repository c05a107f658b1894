// The whole DHCP engine in process: bytes in, bytes and destination out, over the real ledger and the one writer.

import { type Ip, type Mac, ip } from "#core/address.ts";
import { decideAttach } from "#core/attach.ts";
import { decideDetach } from "#core/detach.ts";
import { unchanged } from "#core/effects.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { Change } from "#core/record.ts";
import { Ledger } from "#core/ledger.ts";
import { nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { DhcpCounters, DhcpEvent } from "#broker/dhcp/counters.ts";
import { createDhcpServer } from "#broker/dhcp/server.ts";
import { type DhcpSettings, dhcpSettings } from "#broker/dhcp/settings.ts";
import type { Destination, DhcpSocket } from "#broker/dhcp/socket-port.ts";
import { type DhcpReply, decodeReply } from "#broker/dhcp/reply.ts";
import { createEffects } from "#broker/effects.ts";
import { createGuests } from "#broker/guests.ts";
import { Leasing } from "#broker/leasing.ts";
import { type FakeRouteTable, fakeRouteTable } from "#test/fakes/route-table.ts";
import { type MemoryDisk, openMemoryStore } from "#test/fakes/memory-store.ts";
import { type ClientPacket, clientPacket } from "./client-packet.ts";

const START = 1_800_000_000_000;
const BOOT = "boot-of-the-test";

export interface Sent {
  readonly bytes: Uint8Array;
  readonly reply: DhcpReply;
  readonly destination: Destination;
}
export interface EngineOptions {
  /** The first address is the server's. */
  readonly subnet?: string;
  readonly settings?: Partial<DhcpSettings>;
  /** From an earlier engine: what a restart finds. */
  readonly disk?: MemoryDisk;
  /** A real one; what is sent through it is not seen here. */
  readonly socket?: Pick<DhcpSocket, "receive" | "send">;
  readonly beforeCommit?: (changes: readonly Change[]) => Promise<void>;
}
export interface Engine extends AsyncDisposable {
  /** What the datagram is answered with, once nothing more is under way. */
  ask(packet: ClientPacket | Uint8Array, source?: string): Promise<readonly Sent[]>;
  /** All datagrams before anything else happens. */
  askAtOnce(packets: readonly ClientPacket[]): Promise<readonly Sent[]>;
  /** Gives the address to a container whose interface has that MAC. */
  attach(mac: Mac, address: string): Promise<readonly Ip[]>;
  /** CNI DEL of that container. */
  detach(mac: Mac): Promise<void>;
  /** Moves the clock, in seconds. */
  pass(seconds: number): void;
  now(): number;
  readonly ledger: Ledger;
  readonly leasing: Leasing;
  readonly routes: FakeRouteTable;
  readonly counters: DhcpCounters;
  readonly events: readonly (DhcpEvent | BusinessEvent)[];
}

export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const { subnet = "10.9.0.0/29", disk = new Map(), beforeCommit } = options;
  const prefix = parsePrefix(subnet);
  if (prefix === undefined) throw new Error(`bad subnet ${subnet}`);
  const serverId = ip(subnet.replace(/\d+\/\d+$/, "1"));
  const pool = nodePool({ subnet: prefix, gateway: serverId });
  const store = openMemoryStore({ disk, ...(beforeCommit === undefined ? {} : { beforeCommit }) });
  const ledger = new Ledger();
  for (const record of (await store.load()).records) ledger.apply([{ op: "put", record }]);
  const routes = fakeRouteTable();
  const nothing = () => Promise.resolve(undefined);
  const mirror = { read: nothing, digest: () => "", write: () => Promise.resolve("") };
  const clock = { at: START, now: () => clock.at, boottime: () => clock.at };
  const events: (DhcpEvent | BusinessEvent)[] = [];
  const emit = (event: DhcpEvent | BusinessEvent) => void events.push(event);
  const leasing = new Leasing({
    ledger,
    effects: createEffects({ store, routes, mirror }),
    clock,
    bootId: BOOT,
    emit,
    committed: () => undefined,
    trouble: () => undefined,
  });
  const sent: Sent[] = [];
  let handle: (datagram: Uint8Array, source: Ip) => void = () => undefined;
  const server = createDhcpServer({
    socket: options.socket ?? {
      receive: (handler) => (handle = handler),
      send: (bytes, destination) => void sent.push(readBack(bytes, destination)),
    },
    leasing: createGuests({ leasing, pool, emit }),
    settings: dhcpSettings({
      serverId,
      subnet: prefix,
      dns: [ip("10.9.0.1")],
      ...options.settings,
    }),
    now: clock.now,
    random: () => 0.5,
    onEvent: emit,
  });
  const stop = new AbortController();
  const running = server.run(stop.signal);
  const settle = async () => {
    // The writer starts a turn after it is asked; an empty command behind all others ends after them.
    const last = leasing.submit("STATUS", () => unchanged(undefined));
    // It shares the fate of its group, which some tests let fail.
    await Promise.allSettled([last]);
    await new Promise((resolve) => setImmediate(resolve));
    return sent.splice(0);
  };
  return {
    ask(packet, source = "0.0.0.0") {
      handle(packet instanceof Uint8Array ? packet : clientPacket(packet), ip(source));
      return settle();
    },
    askAtOnce(packets) {
      for (const packet of packets) handle(clientPacket(packet), ip("0.0.0.0"));
      return settle();
    },
    async attach(mac, address) {
      const outcome = await leasing.submit("ADD", (state, moment) =>
        decideAttach(
          state,
          {
            owner: { kind: "container", ...ownerOf(mac) },
            attachment: { netns: "/run/netns/x", stamp: { bootId: BOOT, boottime: "1000" } },
            pool,
            requested: [ip(address)],
            strict: false,
            mac,
          },
          moment,
        ),
      );
      if (outcome.kind === "refused") throw new Error(outcome.error.message);
      return outcome.leases.map((lease) => lease.ip);
    },
    async detach(mac) {
      await leasing.submit("DEL", (state, moment) =>
        decideDetach(state, { ...ownerOf(mac), stamp: { bootId: BOOT, boottime: "2000" } }, moment),
      );
    },
    pass: (seconds) => void (clock.at += seconds * 1_000),
    now: () => clock.at,
    ledger,
    leasing,
    routes,
    counters: server.counters,
    events,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await store[Symbol.asyncDispose]();
    },
  };
}

const ownerOf = (mac: Mac) => ({ network: "net", containerId: `of ${mac}`, ifname: "eth0" });

/** One line for each reply: type, address, where it goes. */
export function brief(sent: readonly Sent[]): string {
  if (sent.length === 0) return "silence";
  const lines = sent.map(({ reply, destination }) => {
    const yiaddr = reply.type === "nak" ? "" : ` ${reply.yiaddr}`;
    const to =
      destination.kind === "guest"
        ? destination.ip
        : `${destination.kind}${destination.kind === "relay" ? ` ${destination.ip}` : ""}`;
    return `${reply.type}${yiaddr} to ${to}`;
  });
  return lines.join(", ");
}

/** The reply's option, in hexadecimal. */
export function optionOf(sent: readonly Sent[], code: number): string {
  const field = sent[0]?.reply.fields.find((one) => one.code === code);
  return field === undefined ? "absent" : Buffer.from(field.value).toString("hex");
}

/** Option codes in the order in which they stand in the bytes. */
export function codesOf({ bytes }: Sent): number[] {
  const codes: number[] = [];
  for (let at = 240; at < bytes.length && bytes[at] !== 255; at += 2 + (bytes[at + 1] ?? 0))
    codes.push(bytes[at] ?? 0);
  return codes;
}

function readBack(bytes: Uint8Array, destination: Destination): Sent {
  const reply = decodeReply(bytes);
  if (reply === undefined) throw new Error(`not a reply: ${Buffer.from(bytes).toString("hex")}`);
  return { bytes, reply, destination };
}
