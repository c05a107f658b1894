// Leases by address, owner, interface, MAC, sticky name and state, kept together so that they cannot disagree.

import type { Ip, Mac } from "./address.ts";
import {
  type ContainerOwner,
  type Lease,
  type LeaseState,
  type Owner,
  type OwnerKey,
  ownerKey,
} from "./lease.ts";

/** What is indexed costs memory for each of up to 65,536 leases: no key or table is kept that another can stand for. */
export class LeaseIndex {
  readonly #byIp = new Map<Ip, Lease>();
  readonly #held = new Groups<string>();
  readonly #cooled = new Groups<OwnerKey>();
  readonly #macs = new Groups<Mac>();
  readonly #sticky = new Groups<string>();
  readonly #quarantined = new Groups<string>();
  readonly #cooling = new Groups<"cooling">();
  readonly #provisional = new Groups<"provisional">();
  readonly #counts = new Map<string, Map<LeaseState, number>>();

  get size(): number {
    return this.#byIp.size;
  }

  add(lease: Lease): void {
    this.#byIp.set(lease.ip, lease);
    this.#count(lease, 1);
    this.#visit(lease, (group, key) => group.add(key, lease));
  }

  remove(lease: Lease): void {
    this.#byIp.delete(lease.ip);
    this.#count(lease, -1);
    this.#visit(lease, (group, key) => group.remove(key, lease.ip));
  }

  get(ip: Ip): Lease | undefined {
    return this.#byIp.get(ip);
  }

  all(): IterableIterator<Lease> {
    return this.#byIp.values();
  }

  heldBy(key: OwnerKey): readonly Lease[] {
    const held = this.#held
      .of(placeOfKey(key))
      .filter(({ owner }) => owner !== undefined && ownerKey(owner) === key);
    return held.length < 2
      ? held
      : held.toSorted((one, other) => (one.set ?? 0) - (other.set ?? 0));
  }

  cooledBy(key: OwnerKey): readonly Lease[] {
    return this.#cooled.of(key);
  }

  ownersOfInterface(containerId: string, ifname: string): readonly ContainerOwner[] {
    const owners = new Map<OwnerKey, ContainerOwner>();
    for (const { owner } of this.#held.of(placeOfInterface(containerId, ifname))) {
      if (owner?.kind !== "container") continue;
      if (owner.containerId === containerId && owner.ifname === ifname)
        owners.set(ownerKey(owner), owner);
    }
    return [...owners.values()];
  }

  containersOfMac(mac: Mac): readonly Lease[] {
    return this.#macs.of(mac);
  }

  stickyFor(name: string): readonly Lease[] {
    return this.#sticky.of(name);
  }

  quarantined(pool: string): IterableIterator<Lease> {
    return this.#quarantined.each(pool);
  }

  count(pool: string, state: LeaseState): number {
    return this.#counts.get(pool)?.get(state) ?? 0;
  }

  cooling(): IterableIterator<Lease> {
    return this.#cooling.each("cooling");
  }

  /** Puts the cooling addresses back into the order in which they were given back. */
  sortCooling(): void {
    this.#cooling.sort("cooling", (one, other) => one.since - other.since);
  }

  provisional(): IterableIterator<Lease> {
    return this.#provisional.each("provisional");
  }

  #count({ state, pool }: Lease, change: 1 | -1): void {
    let counts = this.#counts.get(pool);
    if (counts === undefined) this.#counts.set(pool, (counts = new Map()));
    const count = (counts.get(state) ?? 0) + change;
    if (count === 0) counts.delete(state);
    else counts.set(state, count);
    if (counts.size === 0) this.#counts.delete(pool);
  }

  #visit(lease: Lease, act: <Key>(group: Groups<Key>, key: Key) => void): void {
    const { owner } = lease;
    if (lease.state === "quarantined") act(this.#quarantined, lease.pool);
    if (lease.state === "cooling") {
      act(this.#cooling, "cooling");
      if (owner !== undefined) act(this.#cooled, ownerKey(owner));
      if (lease.sticky !== undefined) act(this.#sticky, lease.sticky);
    }
    if (lease.state !== "leased" || owner === undefined) return;
    act(this.#held, placeOf(owner));
    if (owner.kind !== "container") return;
    if (lease.mac !== undefined) act(this.#macs, lease.mac);
    if (lease.provisional === true) act(this.#provisional, "provisional");
  }
}

/** An owner's place in the index of holders: a container's interface whatever its network, so that one index answers both questions. */
function placeOf(owner: Owner): string {
  switch (owner.kind) {
    case "container":
      return placeOfInterface(owner.containerId, owner.ifname);
    case "guest":
      return owner.mac;
    case "found":
      return owner.evidence;
    default:
      return owner satisfies never;
  }
}

/** For the names that CNI lets through the container's ID itself; for others just as much as {@link placeOfKey} finds again. */
const placeOfInterface = (containerId: string, ifname: string): string =>
  containerId.includes(" ") || ifname.includes(" ")
    ? lastWordButOne(`${containerId} ${ifname}`)
    : containerId;

/** {@link placeOf} from the owner's key: its last word but one for a container, what follows the kind for the others. */
function placeOfKey(key: OwnerKey): string {
  return key.startsWith("container ") ? lastWordButOne(key) : key.slice(key.indexOf(" ") + 1);
}

function lastWordButOne(text: string): string {
  const last = text.lastIndexOf(" ");
  const before = last > 0 ? text.lastIndexOf(" ", last - 1) : -1;
  return text.slice(before + 1, last);
}

const NONE: readonly Lease[] = [];

/** Leases grouped under a key, each group in the order of arrival. Most groups have one member, which stands for itself. */
class Groups<Key> {
  readonly #groups = new Map<Key, Lease | Map<Ip, Lease>>();

  add(key: Key, lease: Lease): void {
    const group = this.#groups.get(key);
    if (group instanceof Map) group.set(lease.ip, lease);
    else if (group === undefined || group.ip === lease.ip) this.#groups.set(key, lease);
    else
      this.#groups.set(
        key,
        new Map([
          [group.ip, group],
          [lease.ip, lease],
        ]),
      );
  }

  remove(key: Key, ip: Ip): void {
    const group = this.#groups.get(key);
    if (group instanceof Map) {
      group.delete(ip);
      if (group.size === 0) this.#groups.delete(key);
    } else if (group?.ip === ip) this.#groups.delete(key);
  }

  /** Those that are equal stay in the order of their arrival. */
  sort(key: Key, order: (one: Lease, other: Lease) => number): void {
    const group = this.#groups.get(key);
    if (!(group instanceof Map)) return;
    const sorted = [...group.values()].toSorted(order);
    this.#groups.set(key, new Map(sorted.map((lease) => [lease.ip, lease])));
  }

  of(key: Key): readonly Lease[] {
    const group = this.#groups.get(key);
    if (group === undefined) return NONE;
    return group instanceof Map ? [...group.values()] : [group];
  }

  /** Without a copy: for groups that may be large. */
  each(key: Key): IterableIterator<Lease> {
    const group = this.#groups.get(key);
    if (group instanceof Map) return group.values();
    return (group === undefined ? [] : [group]).values();
  }
}
