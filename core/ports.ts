// The outside world on one page: what the broker needs of it, in the words of the domain.

import type { Ip, Mac } from "./address.ts";
import type { RouteChange } from "./effects.ts";
import type { BrokerError } from "./errors.ts";
import type { Attachment } from "./lease.ts";
import type { Change, LedgerRecord } from "./record.ts";
import type { Millis } from "./time.ts";

/**
 * The durable store of every address's owner.
 * - `load` may be called once, before any commit. `missing`: there was no ledger; `damaged`: there was one that cannot be
 *   trusted (it has been put aside under `aside`, and `records` holds what could be read); `sound`: all of it.
 * - `commit` makes all changes or none, in order. When it resolves they survive the death of process and machine
 *   (`relaxed` durability: of the process at once, of the machine within 100 ms). When it rejects, none was made.
 * - `lost` resolves when no commit can succeed any more, with why; whether those under way were made is found at the next
 *   opening. It never rejects.
 */
export interface LedgerStore extends AsyncDisposable {
  readonly lost: Promise<BrokerError>;
  load(): Promise<LoadedLedger>;
  commit(changes: readonly Change[]): Promise<void>;
}
export interface LoadedLedger {
  readonly condition: "missing" | "sound" | "damaged";
  readonly records: readonly LedgerRecord[];
  /** What is wrong with a damaged ledger, and where it was put. */
  readonly detail?: string;
  readonly aside?: string;
}

export interface HostRoute {
  readonly ip: Ip;
  /** The permanent neighbour that stands beside the route, if any. */
  readonly mac?: Mac;
}

/**
 * Host routes of our protocol number on our bridge.
 * - `list` reads the kernel (dumps interrupted by a change are repeated).
 * - `stands` asks for one address.
 * - `apply` makes all changes and resolves when the kernel acknowledged each; adding what stands and deleting what is
 *   gone succeed. Calls take effect in the order in which they are made, also those that do not wait for one another. It answers for each change, in order, `undefined` or what the kernel said.
 */
export interface RouteTable {
  list(): Promise<readonly HostRoute[]>;
  /** Whether the address has its route now, without reading the whole table. */
  stands(ip: Ip): Promise<boolean>;
  apply(changes: readonly RouteChange[]): Promise<readonly (Error | undefined)[]>;
}

export type NamespaceState = "present" | "unlinked" | "absent";

/** What shows on the machine itself that addresses are in use. */
export interface Evidence {
  /**
   * Whether the container's namespace still exists under its recorded identity. `unlinked`: it does, but no link of the
   * node leads into it, so that it may be another one with the same inode.
   */
  attachment(attachment: Attachment): Promise<NamespaceState>;
  /**
   * Every address seen in use: kernel routes of ours, neighbours on the bridge, namespaces of processes. Whoever counts
   * namespaces alone says so, and is spared the reading of large tables. `answering`: neighbours by when they answered
   * last; those `about` are asked to answer, so that a later scan knows.
   */
  scan(only?: "namespace" | "answering", about?: ReadonlySet<Ip>): Promise<readonly Sighting[]>;
}

/** An address that was seen in use. */
export interface Sighting {
  readonly ip: Ip;
  readonly mac?: Mac;
  readonly evidence: string;
  /** Milliseconds since a neighbour answered last; absent: it does now. */
  readonly age?: Millis;
}

/** The kernel's state beside the routes, for a comparison with the ledger. */
export interface Inspection {
  /** Permanent neighbours on the bridge. */
  neighbours(): Promise<readonly { readonly ip: Ip; readonly mac: Mac }[]>;
  /** Addresses that processes have, with one name for each of their namespaces. */
  inside(): Promise<readonly { readonly ip: Ip; readonly namespace: string }[]>;
}

export interface Clock {
  now(): Millis;
  /** CLOCK_BOOTTIME in milliseconds: never steps back. */
  boottime(): Millis;
}

/** leases.json, readable by the Go version. */
export interface Mirror {
  /** What the file holds now; undefined when there is none. Throws when it cannot be read. */
  read(): Promise<FoundMirror | undefined>;
  /** SHA-256 of what `write` would write. */
  digest(entries: readonly MirrorEntry[]): string | Promise<string>;
  /** Replaces the file atomically (fsync of file and folder) and answers with the digest of what was written. */
  write(entries: readonly MirrorEntry[]): Promise<string>;
}
export interface FoundMirror {
  readonly entries: readonly MirrorEntry[];
  /** SHA-256. */
  readonly digest: string;
  /** Rows were left out: what is not among the entries may well be in the file. */
  readonly damaged?: boolean;
}
export interface MirrorEntry {
  readonly mac: Mac;
  readonly ip: Ip;
  readonly expiry: Millis;
}
