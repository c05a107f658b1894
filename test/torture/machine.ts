// The machine around the broker, which outlives its deaths: clock, boot, kernel, namespaces, and the files on its disk.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ip } from "#core/address.ts";
import type { NamespaceIdentity } from "#core/lease.ts";
import type { Clock, Evidence, Inspection } from "#core/ports.ts";
import type { Stamp } from "#core/time.ts";
import { type FakeKernel, fakeKernel } from "./kernel.ts";
import type { SyncedFile } from "./synced-file.ts";

const START = 1_800_000_000_000;
const DEVICE = "4";
const FIRST_INODE = 4_026_532_000;

export interface Namespace {
  readonly path: string;
  readonly identity: NamespaceIdentity;
  /** What stands on its interfaces. */
  readonly addresses: Map<string, readonly Ip[]>;
}

export class Machine {
  readonly folder: string;
  readonly kernel: FakeKernel = fakeKernel();
  readonly namespaces = new Map<string, Namespace>();
  /** Milliseconds since the world began; nothing sets it back. */
  elapsed = 0;
  boots = 1;
  /** Runs while the reconciler looks for evidence. */
  duringScan: () => Promise<void> = () => Promise.resolve();
  readonly #disk: SyncedFile;
  readonly #freeInodes: number[] = [];
  #nextInode = FIRST_INODE;
  #bootedAt = 0;
  #wallOffset = START;
  #calls = 0n;
  #ledgers = 0;
  #names = 0;

  constructor(folder: string, disk: SyncedFile) {
    this.folder = folder;
    this.#disk = disk;
    mkdirSync(this.spoolFolder, { recursive: true });
  }

  get bootId(): string {
    return `00000000-0000-4000-8000-${this.boots.toString(16).padStart(12, "0")}`;
  }
  get spoolFolder(): string {
    return join(this.folder, "spool");
  }
  get mirrorFile(): string {
    return join(this.folder, "leases.json");
  }
  get ledgerFolder(): string {
    return join(this.folder, `ledger-${this.#ledgers}`);
  }
  readonly clock: Clock = {
    now: () => this.#wallOffset + this.elapsed,
    boottime: () => this.elapsed - this.#bootedAt,
  };
  stepClock(milliseconds: number): void {
    this.#wallOffset += milliseconds;
  }

  /** When a call begins: later than every one before. */
  stamp(): Stamp {
    this.#calls += 1n;
    const boottime = BigInt(Math.floor(this.clock.boottime())) * 1_000_000n + this.#calls;
    return { bootId: this.bootId, boottime: boottime.toString() };
  }

  /** A namespace whose path and inode another may have had before: the kernel gives freed inodes anew. */
  makeNamespace(name: string): Namespace {
    const inode = this.#freeInodes.pop() ?? this.#nextInode++;
    const namespace: Namespace = {
      path: `/run/netns/${name}`,
      identity: { dev: DEVICE, ino: String(inode) },
      addresses: new Map(),
    };
    this.namespaces.set(namespace.path, namespace);
    return namespace;
  }
  endNamespace({ path, identity }: Namespace): void {
    if (this.namespaces.delete(path)) this.#freeInodes.push(Number(identity.ino));
  }

  readonly evidence: Evidence = {
    attachment: async ({ netns, identity }) => {
      await this.duringScan();
      const { dev, ino } = this.namespaces.get(netns)?.identity ?? {};
      const same = identity !== undefined && dev === identity.dev && ino === identity.ino;
      return same ? "present" : "absent";
    },
    scan: async (only, about) => {
      await this.duringScan();
      const addresses = [...this.namespaces.values()].flatMap((one) => [...one.addresses.values()]);
      const living = addresses.flat().map((ip) => ({ ip, evidence: "namespace" }));
      if (only === "namespace") return living;
      if (only === "answering")
        return living
          .filter(({ ip }) => about?.has(ip))
          .map(({ ip }) => ({ ip, evidence: "neighbour" }));
      const { routes, neighbours } = this.kernel;
      const told = [...neighbours].map(([ip, mac]) => ({ ip, mac, evidence: "neighbour" }));
      return [...[...routes].map((ip) => ({ ip, evidence: "route" })), ...told, ...living];
    },
  };

  readonly inspection: Inspection = {
    neighbours: async () => [...this.kernel.neighbours].map(([ip, mac]) => ({ ip, mac })),
    inside: async () =>
      [...this.namespaces.values()].flatMap(({ path, addresses }) =>
        [...addresses.values()].flat().map((ip) => ({ ip, namespace: path })),
      ),
  };

  /** What the disk holds is all that is left of the ledger; a new folder, so that nothing of the dead reaches it. */
  restoreLedger(image: Buffer): void {
    this.#ledgers += 1;
    const path = join(this.ledgerFolder, "data.mdb");
    if (image.length > 0) {
      mkdirSync(this.ledgerFolder, { mode: 0o700 });
      writeFileSync(path, image, { mode: 0o600 });
    }
    this.#disk.track(path);
  }
  ledgerImage(): Buffer {
    return this.#disk.image();
  }

  /** The power was away. */
  reboot(): void {
    this.boots += 1;
    this.#bootedAt = this.elapsed;
    this.kernel.wipe();
    this.kernel.lost = false;
    for (const namespace of this.namespaces.values()) this.endNamespace(namespace);
  }

  /** As the plugin leaves a DEL that no broker took. */
  spool(body: { readonly stamp: Stamp }): void {
    this.#names += 1;
    const name = `${body.stamp.boottime.padStart(20, "0")}-1-${this.#names}.json`;
    writeFileSync(join(this.spoolFolder, name), JSON.stringify(body));
  }

  /** Whether every release in the spool was made, or set aside. */
  spoolIsEmpty(): boolean {
    return !readdirSync(this.spoolFolder).some((name) => name.endsWith(".json"));
  }

  clear(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
