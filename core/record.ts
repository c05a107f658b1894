// What the ledger stores, and the keys under which it stores it.

import type { Ip, Mac } from "./address.ts";
import type { Lease, OwnerKey, Tombstone } from "./lease.ts";
import type { Millis } from "./time.ts";

/** The last address of a guest, kept while another may use it, so that it comes back when it is free. */
export interface Affinity {
  readonly mac: Mac;
  readonly ip: Ip;
  readonly at: Millis;
}

/** Where the search for the next free address of a range set begins: behind the address given last. */
export interface Cursor {
  /** Network or pool name and the range set's position, for example `mynet 0`. */
  readonly name: string;
  readonly ip: Ip;
}

/** One fact about the ledger itself: `sequence`, `mirror` (digest of the mirror written last), `boot`. */
export interface Meta {
  readonly name: "sequence" | "mirror" | "boot";
  readonly value: string;
}

export type LedgerRecord =
  | { readonly kind: "lease"; readonly lease: Lease }
  | { readonly kind: "tombstone"; readonly tombstone: Tombstone }
  | { readonly kind: "affinity"; readonly affinity: Affinity }
  | { readonly kind: "cursor"; readonly cursor: Cursor }
  | { readonly kind: "meta"; readonly meta: Meta };

declare const brand: unique symbol;
/** `<kind> <name>`; at most 400 bytes (parsers bound every part), below LMDB's key limit of 1,978 bytes. */
export type RecordKey = string & { readonly [brand]: "RecordKey" };

export type Change =
  | { readonly op: "put"; readonly record: LedgerRecord }
  | { readonly op: "delete"; readonly key: RecordKey };

export function recordKey(record: LedgerRecord): RecordKey {
  switch (record.kind) {
    case "lease":
      return leaseKey(record.lease.ip);
    case "tombstone":
      return tombstoneKey(record.tombstone.key);
    case "affinity":
      return affinityKey(record.affinity.mac);
    case "cursor":
      return `cursor ${record.cursor.name}` as RecordKey;
    case "meta":
      return metaKey(record.meta.name);
    default:
      return record satisfies never;
  }
}

export const leaseKey = (ip: Ip): RecordKey => `lease ${ip}` as RecordKey;
/** Inverse of {@link leaseKey}; undefined for another record's key. */
export const ipOfKey = (key: RecordKey): Ip | undefined =>
  key.startsWith("lease ") ? (key.slice("lease ".length) as Ip) : undefined;
export const tombstoneKey = (key: OwnerKey): RecordKey => `tombstone ${key}` as RecordKey;
export const metaKey = (name: Meta["name"]): RecordKey => `meta ${name}` as RecordKey;
export const affinityKey = (mac: Mac): RecordKey => `affinity ${mac}` as RecordKey;

export const putLease = (lease: Lease): Change => ({ op: "put", record: { kind: "lease", lease } });
export const deleteLease = (ip: Ip): Change => ({ op: "delete", key: leaseKey(ip) });

/** Whether the change adds, alters or ends a lease. */
export const concernsLease = (change: Change): boolean =>
  change.op === "put" ? change.record.kind === "lease" : change.key.startsWith("lease ");

/** The address whose lease is put or deleted; `undefined` for a change of another kind of record. */
export function ipOfChange(change: Change): Ip | undefined {
  if (change.op === "delete") return ipOfKey(change.key);
  return change.record.kind === "lease" ? change.record.lease.ip : undefined;
}
