// The ledger in memory: every address that is not free, with the indexes by which decisions find it.

import type { Family, Ip, Mac } from "./address.ts";
import type { Blocks } from "./blocks.ts";
import { Expiry } from "./expiry.ts";
import {
  type ContainerOwner,
  type Lease,
  type LeaseState,
  type OwnerKey,
  type Tombstone,
  ownerKey,
} from "./lease.ts";
import { LeaseIndex } from "./lease-index.ts";
import { type Offer, Offers } from "./offers.ts";
import {
  type Affinity,
  type Change,
  type LedgerRecord,
  type RecordKey,
  ipOfKey,
  leaseKey,
  recordKey,
} from "./record.ts";
import { TakenAddresses } from "./taken-addresses.ts";
import type { Millis } from "./time.ts";

/**
 * One address space for the whole node: an address is taken exactly when it has a record or an offer, whatever pool it was
 * drawn from, so that overlapping pools cannot double it. Changed only by {@link apply} (durable records) and the offers.
 */
export class Ledger {
  readonly #leases = new LeaseIndex();
  /** Records of all kinds but leases, which their index holds. */
  readonly #others = new Map<RecordKey, LedgerRecord>();
  readonly #tombstones = new Map<OwnerKey, Tombstone>();
  readonly #affinities = new Map<Mac, Affinity>();
  readonly #cursors = new Map<string, Ip>();
  readonly #meta = new Map<string, string>();
  readonly #taken = new TakenAddresses();
  readonly #expiry = new Expiry();
  readonly offers = new Offers({
    reserve: (ip, operations) => this.#taken.reserve(ip, operations),
    changed: (ip) => this.#settle(ip),
  });
  #sequence = 0;

  /**
   * Applies the changes in order and answers with those that undo them. Throws a RangeError, and changes nothing, where memory
   * lacks.
   */
  apply(changes: readonly Change[]): Change[] {
    this.#taken.reserveFor(changes);
    return this.#applyAll(changes);
  }

  /**
   * Takes back what {@link apply} did, the latest first; addresses that cooled before cool on in the same order. Reserves
   * nothing: {@link apply} left room for it.
   */
  undo(inverses: readonly (readonly Change[])[]): void {
    for (const inverse of inverses.toReversed()) this.#applyAll(inverse);
    this.#leases.sortCooling();
  }

  /** {@link apply} for what a store held, in the order in which it came about: nothing of it will be undone. */
  fill(records: readonly LedgerRecord[]): void {
    const taken: Ip[] = [];
    for (const record of records) {
      if (record.kind !== "lease") {
        this.apply([{ op: "put", record }]);
        continue;
      }
      const { lease } = record;
      if (this.isFree(lease.ip)) taken.push(lease.ip);
      else this.#forget(leaseKey(lease.ip), "put");
      this.#rememberLease(lease);
    }
    this.#taken.takeAll(taken);
  }

  /** A new sequence number, larger than any before on this node. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Records of every kind. */
  get size(): number {
    return this.#leases.size + this.#others.size;
  }

  lease(ip: Ip): Lease | undefined {
    return this.#leases.get(ip);
  }

  /** All leases, in no order. */
  leases(): IterableIterator<Lease> {
    return this.#leases.all();
  }

  /** The addresses a key holds (state `leased`), in range-set order. */
  heldBy(key: OwnerKey): readonly Lease[] {
    return this.#leases.heldBy(key);
  }

  /** Keys that hold addresses for a container's interface, whatever the network's name. */
  keysOfInterface(containerId: string, ifname: string): readonly ContainerOwner[] {
    return this.#leases.ownersOfInterface(containerId, ifname);
  }

  /** The containers' leases that were given for this MAC. */
  containersOfMac(mac: Mac): readonly Lease[] {
    return this.#leases.containersOfMac(mac);
  }

  /** Cooling addresses that the key held last. */
  cooledBy(key: OwnerKey): readonly Lease[] {
    return this.#leases.cooledBy(key);
  }

  /** Cooling addresses kept for a sticky name. */
  stickyFor(name: string): readonly Lease[] {
    return this.#leases.stickyFor(name);
  }

  /** Cooling addresses of all pools, oldest first. */
  cooling(): IterableIterator<Lease> {
    return this.#leases.cooling();
  }

  quarantined(pool: string): IterableIterator<Lease> {
    return this.#leases.quarantined(pool);
  }

  count(pool: string, state: LeaseState): number {
    return state === "offered" ? this.offers.size : this.#leases.count(pool, state);
  }

  provisional(): IterableIterator<Lease> {
    return this.#leases.provisional();
  }

  tombstone(key: OwnerKey): Tombstone | undefined {
    return this.#tombstones.get(key);
  }

  /** Oldest first. */
  tombstones(): ReadonlyMap<OwnerKey, Tombstone> {
    return this.#tombstones;
  }

  affinity(mac: Mac): Affinity | undefined {
    return this.#affinities.get(mac);
  }

  /** Oldest first. */
  affinities(): ReadonlyMap<Mac, Affinity> {
    return this.#affinities;
  }

  cursor(name: string): Ip | undefined {
    return this.#cursors.get(name);
  }

  /** Moves a cursor in memory only: offers do it, the bind that follows makes it durable. */
  moveCursor(name: string, ip: Ip): void {
    this.#cursors.set(name, ip);
  }

  meta(name: string): string | undefined {
    return this.#meta.get(name);
  }

  blocks(family: Family): Blocks {
    return this.#taken.of(family);
  }

  offer(ip: Ip): Offer | undefined {
    return this.offers.get(ip);
  }

  /** Free: neither a record nor an offer. */
  isFree(ip: Ip): boolean {
    return this.#leases.get(ip) === undefined && this.offers.get(ip) === undefined;
  }

  /** The earliest moment at which a lease or tombstone may end; some other change may have overtaken it. */
  nextDeadline(): Millis | undefined {
    return this.#expiry.next();
  }

  /**
   * Records whose time is over at `now`, at most `limit`; each is answered once, so the caller must end them. What is undone
   * becomes due anew.
   */
  takeDue(now: Millis, limit: number): LedgerRecord[] {
    return this.#expiry.takeDue(now, limit, (key) => this.#find(key));
  }

  #applyAll(changes: readonly Change[]): Change[] {
    const inverse: Change[] = [];
    for (const change of changes) {
      const key = change.op === "put" ? recordKey(change.record) : change.key;
      const before = this.#forget(key, change.op);
      inverse.push(before === undefined ? { op: "delete", key } : { op: "put", record: before });
      if (change.op === "put") this.#remember(key, change.record);
    }
    this.#expiry.trim(this.size, () => this.#records());
    return inverse.reverse();
  }

  #find(key: RecordKey): LedgerRecord | undefined {
    const ip = ipOfKey(key);
    if (ip === undefined) return this.#others.get(key);
    const lease = this.#leases.get(ip);
    return lease === undefined ? undefined : { kind: "lease", lease };
  }

  #remember(key: RecordKey, record: LedgerRecord): void {
    if (record.kind !== "lease") this.#others.set(key, record);
    switch (record.kind) {
      case "lease":
        this.#rememberLease(record.lease);
        this.#taken.set(record.lease.ip, true);
        break;
      case "tombstone":
        this.#expiry.add(key, record.tombstone.until);
        this.#tombstones.set(record.tombstone.key, record.tombstone);
        break;
      case "affinity":
        this.#affinities.set(record.affinity.mac, record.affinity);
        break;
      case "cursor":
        this.#cursors.set(record.cursor.name, record.cursor.ip);
        break;
      case "meta":
        this.#meta.set(record.meta.name, record.meta.value);
        if (record.meta.name === "sequence")
          this.#sequence = Math.max(this.#sequence, Number(record.meta.value));
        break;
      default:
        record satisfies never;
    }
  }

  /** All of it but its address among those that are taken. */
  #rememberLease(lease: Lease): void {
    this.#leases.add(lease);
    if (lease.until !== undefined) this.#expiry.add(leaseKey(lease.ip), lease.until);
    this.#sequence = Math.max(this.#sequence, lease.sequence);
  }

  /** Answers with the record that was under the key. What is put in its place is of the same address, which stays taken. */
  #forget(key: RecordKey, op: Change["op"]): LedgerRecord | undefined {
    const record = this.#find(key);
    if (record === undefined) return undefined;
    if (record.kind !== "lease") this.#others.delete(key);
    switch (record.kind) {
      case "lease":
        this.#leases.remove(record.lease);
        if (op === "delete") this.#settle(record.lease.ip);
        break;
      case "tombstone":
        this.#tombstones.delete(record.tombstone.key);
        break;
      case "affinity":
        this.#affinities.delete(record.affinity.mac);
        break;
      case "cursor":
        this.#cursors.delete(record.cursor.name);
        break;
      case "meta":
        this.#meta.delete(record.meta.name);
        break;
      default:
        record satisfies never;
    }
    return record;
  }

  /** Invariant: the block bit of an address is set exactly when it has a lease record or an offer. */
  #settle(ip: Ip): void {
    this.#taken.set(ip, !this.isFree(ip));
  }

  *#records(): IterableIterator<LedgerRecord> {
    for (const lease of this.#leases.all()) yield { kind: "lease", lease };
    yield* this.#others.values();
  }
}

/** The key under which a guest's MAC holds addresses. */
export const guestKey = (mac: Mac): OwnerKey => ownerKey({ kind: "guest", mac });
