// A node of real adapters in a namespace of its own, whose tasks do not run: what is planted stays until fsck mends it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { type Ip, type Mac, ip, parseMac } from "#core/address.ts";
import { decideAttach } from "#core/attach.ts";
import { decideConfirm } from "#core/detach.ts";
import { type Attachment, type ContainerOwner, ownerKey } from "#core/lease.ts";
import { nodePool } from "#core/pool.ts";
import { type FsckOptions, createFsck } from "#broker/fsck.ts";
import { readBootId } from "#broker/linux/boot.ts";
import { openEvidence } from "#broker/linux/evidence.ts";
import { openInspection } from "#broker/linux/inspection.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { systemClock } from "#broker/linux/system-clock.ts";
import { type Parts, createParts } from "#broker/parts.ts";
import { createReconciler } from "#broker/reconciler.ts";
import { openMirror } from "#broker/stores/mirror.ts";
import { openSpool } from "#broker/stores/spool.ts";
import { createTelemetry } from "#broker/telemetry.ts";
import { openMemoryStore } from "#test/fakes/memory-store.ts";
import { enterFreshNamespace, run } from "./fresh-namespace.ts";
import { prefix } from "./node-fixture.ts";

const MINUTES = 60_000;
const BRIDGE = "cni0";
export const pool = nodePool({ subnet: prefix("10.201.0.0/24"), gateway: ip("10.201.0.1") });

export interface FsckNode extends AsyncDisposable {
  readonly parts: Parts;
  readonly folder: string;
  readonly spool: string;
  readonly leaseFile: string;
  readonly fsck: ReturnType<typeof createFsck>;
  readonly reconciler: ReturnType<typeof createReconciler>;
  /** What pool.json is said to have been changed in. */
  poolFile: readonly string[];
  /** Lets minutes pass for everything that is counted in them. */
  later(minutes: number): void;
  /** A confirmed container in that namespace. */
  attach(containerId: string, where: Place): Promise<Ip>;
  guest(mac: Mac, address: Ip): Promise<void>;
}

export interface Place extends Pick<Attachment, "netns" | "identity" | "podUid"> {
  readonly mac?: Mac;
}

export const macOf = (last: number): Mac =>
  parseMac(`02:c9:00:00:00:${last.toString(16).padStart(2, "0")}`) as Mac;

export function openFsckNode(): FsckNode {
  enterFreshNamespace();
  // A MAC of its own: one that follows the ports would take all neighbours with it when it changes.
  run(`ip link add ${BRIDGE} address ${macOf(200)} type bridge`);
  run(`ip link set ${BRIDGE} up`);
  run(`ip address add 10.201.0.1/24 dev ${BRIDGE}`);
  const folder = mkdtempSync(join(tmpdir(), "cocoon-net-fsck-"));
  const netlink = openNetlink();
  const leaseFile = join(folder, "leases.json");
  let ahead = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const routes = openRouteTable({ netlink, bridge: BRIDGE });
  const mirror = openMirror({ path: leaseFile, trouble: () => undefined });
  const spool = openSpool(join(folder, "spool"));
  const bootId = readBootId();
  const parts = createParts({
    routes,
    mirror,
    spool,
    clock,
    bootId,
    pool,
    store: openMemoryStore(),
    telemetry: createTelemetry({ level: "error", now: () => clock.now(), destination: nowhere }),
    readText: () => Promise.resolve(""),
    serving: () => true,
    decorate: undefined,
  });
  const around: Pick<FsckOptions, "evidence" | "trouble"> = {
    evidence: openEvidence({ netlink, routes, bridge: BRIDGE }),
    trouble: (what, error) => {
      throw new Error(`${what}: ${error.message}`);
    },
  };
  const inspection = openInspection(netlink, BRIDGE);
  const node: FsckNode = {
    parts,
    folder,
    leaseFile,
    spool: join(folder, "spool"),
    poolFile: [],
    reconciler: createReconciler({ ...parts, ...around }),
    fsck: createFsck({
      ...parts,
      ...around,
      inspection,
      routes,
      mirror,
      leaseFile,
      pool,
      spool,
      poolFile: async () => node.poolFile,
    }),
    later: (minutes) => void (ahead += minutes * MINUTES),
    attach: (containerId, where) => attach(parts, bootId, containerId, where),
    async guest(mac, address) {
      const request = { mac, ip: address, mode: "selecting", seconds: 86_400 } as const;
      const outcome = await parts.guests.bind(request);
      if (outcome.kind !== "bound") throw new Error(JSON.stringify(outcome));
    },
    async [Symbol.asyncDispose]() {
      await netlink[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
  return node;
}

async function attach(
  { leasing }: Parts,
  bootId: string,
  containerId: string,
  { netns, identity, podUid, mac }: Place,
): Promise<Ip> {
  const owner: ContainerOwner = { kind: "container", network: "net", containerId, ifname: "eth0" };
  const stamp = { bootId, boottime: String(Math.round(systemClock.boottime() * 1_000_000)) };
  const request = {
    owner,
    pool,
    attachment: {
      netns,
      stamp,
      ...(identity === undefined ? {} : { identity }),
      ...(podUid === undefined ? {} : { podUid }),
    },
    requested: [],
    strict: false,
    ...(mac === undefined ? {} : { mac }),
  };
  const outcome = await leasing.submit("ADD", (ledger, moment) =>
    decideAttach(ledger, request, moment),
  );
  if (outcome.kind === "refused") throw outcome.error;
  const key = ownerKey(owner);
  const sequences = outcome.leases.map(({ sequence }) => sequence);
  await leasing.submit("CONFIRM", (ledger) => decideConfirm(ledger, { key, sequences }));
  const [lease] = outcome.leases;
  if (lease === undefined) throw new Error("no address");
  return lease.ip;
}
