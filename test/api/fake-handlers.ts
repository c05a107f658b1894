// A broker made of plain values, behind the same handlers interface as the real one.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LeaseAnswer, RecordedEvent, StatusAnswer } from "#broker/api/contract.ts";
import type { ApiHandlers } from "#broker/api/handlers.ts";
import { type ApiServer, startApiServer } from "#broker/api/server.ts";
import { BrokerError } from "#core/errors.ts";

/** 2026-11-21T04:00:00Z */
export const SINCE = 1_795_233_600_000;

export const lease: LeaseAnswer = {
  ip: "10.88.100.7",
  pool: "node",
  state: "leased",
  owner: "container web-1 eth0 (cocoon-net)",
  ownerParts: { kind: "container", network: "cocoon-net", containerId: "web-1", ifname: "eth0" },
  sequence: 7,
  since: SINCE,
  provisional: false,
  mac: "02:00:0a:58:64:07",
  routed: true,
  attachment: { netns: "/run/netns/web-1", podNamespace: "shop", podName: "web-1" },
};
export const guest: LeaseAnswer = {
  ip: "10.88.100.8",
  pool: "node",
  state: "leased",
  owner: "guest 52:54:00:00:00:08",
  ownerParts: { kind: "guest", mac: "52:54:00:00:00:08" },
  sequence: 8,
  since: SINCE,
  until: SINCE + 86_400_000,
  provisional: false,
  mac: "52:54:00:00:00:08",
  hostname: "desk",
  routed: true,
};
export const status: StatusAnswer = {
  version: "0.1.0",
  serving: true,
  since: SINCE,
  bootId: "b0071d00-0000-4000-8000-000000000001",
  processId: 4242,
  platform: "local",
  node: "node-1",
  bridge: "cni0",
  pool: {
    name: "node",
    subnet: "10.88.100.0/24",
    gateway: "10.88.100.1",
    size: 253,
    free: 250,
    leased: 2,
    offered: 0,
    cooling: 1,
    quarantined: 0,
  },
  pools: [
    {
      name: "node",
      subnet: "10.88.100.0/24",
      gateway: "10.88.100.1",
      size: 253,
      free: 250,
      leased: 2,
      offered: 0,
      cooling: 1,
      quarantined: 0,
    },
  ],
  ledger: { condition: "sound", durability: "sync", records: 5 },
  setup: [{ item: "bridge cni0", state: "ok" }],
  warnings: [],
};

export interface FakeBroker extends AsyncDisposable {
  readonly socket: string;
  readonly server: ApiServer;
  readonly calls: unknown[];
  readonly confirmed: string[];
  readonly faults: BrokerError[];
  readonly readers: () => number;
  /** What a reader is given first. */
  readonly recent: RecordedEvent[];
  emit(event: RecordedEvent): void;
}

/** Handlers that answer with the values above and remember what they were asked. */
export function fakeHandlers(leases: Iterable<LeaseAnswer> = [lease, guest]) {
  const calls: unknown[] = [];
  const confirmed: string[] = [];
  const listeners = new Set<(event: RecordedEvent) => void>();
  const recent: RecordedEvent[] = [{ at: SINCE, event: "lease.bound", ip: lease.ip }];
  const handlers: ApiHandlers = {
    cni: async (body, send) => {
      calls.push(body);
      await send({ exitCode: 0, stdout: JSON.stringify(body), confirm: "token-1" });
    },
    cniConfirm: async (token) => {
      confirmed.push(token);
    },
    status: () => status,
    leases: () => leases,
    address: (ip) => ({
      ip,
      pool: "node",
      ...(ip === lease.ip
        ? {
            lease,
            route: { present: true, expected: true },
            neighbour: { mac: "02:00:0a:58:64:07", state: "permanent" },
          }
        : {}),
      history: ip === lease.ip ? recent : [],
    }),
    forgetLease: async (ip, sequence, send) => {
      if (ip !== lease.ip)
        throw new BrokerError("unknown-lease", `nobody holds ${ip}`, {
          hint: "see `cocoon-net leases`",
        });
      await send({
        ip,
        released: sequence === undefined || sequence === lease.sequence,
        owner: lease.owner,
      });
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return { recent, end: () => listeners.delete(listener) };
    },
    fsck: async (repair) => ({
      repair,
      total: 0,
      open: 0,
      differences: [],
      compared: { leases: 1, routes: 1, neighbours: 1, namespaces: 0 },
    }),
    health: () => ({ ok: true }),
    ready: () => ({ ok: false, reason: "the ledger is being rebuilt" }),
    metrics: async () => "cocoon_net_serving 1\n",
  };
  return {
    handlers,
    recent,
    calls,
    confirmed,
    readers: () => listeners.size,
    emit: (event: RecordedEvent) => listeners.forEach((listener) => listener(event)),
  };
}

/** A server with fake handlers on a socket in a folder of its own. */
export async function fakeBroker(leases?: Iterable<LeaseAnswer>): Promise<FakeBroker> {
  const folder = mkdtempSync(join(tmpdir(), "cocoon-net-api-"));
  const socket = join(folder, "run", "broker.sock");
  const faults: BrokerError[] = [];
  const fake = fakeHandlers(leases);
  const server = await startApiServer({
    path: socket,
    handlers: fake.handlers,
    onError: (error) => faults.push(error),
  });
  return {
    socket,
    server,
    faults,
    ...fake,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
