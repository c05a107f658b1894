// Leases by address, owner, interface, MAC, sticky name and state, kept together so that they cannot disagree.

import type { Ip, Mac } from "./address.ts";
import {
  type ContainerOwner,
  type Lease,
  type LeaseState,
  type OwnerKey,
  ownerKey,
} from "./lease.ts";

export class LeaseIndex {
  readonly #byIp = new Map<Ip, Lease>();
  readonly #held = new Groups<OwnerKey>();
  readonly #cooled = new Groups<OwnerKey>();
  readonly #interfaces = new Groups<string>();
  readonly #macs = new Groups<Mac>();
  readonly #sticky = new Groups<string>();
  readonly #states = new Groups<string>();
  readonly #cooling = new Groups<"cooling">();
  readonly #provisional = new Groups<"provisional">();

  add(lease: Lease): void {
    this.#byIp.set(lease.ip, lease);
    this.#visit(lease, (group, key) => group.add(key, lease));
  }

  remove(lease: Lease): void {
    this.#byIp.delete(lease.ip);
    this.#visit(lease, (group, key) => group.remove(key, lease.ip));
  }

  get(ip: Ip): Lease | undefined {
    return this.#byIp.get(ip);
  }

  all(): IterableIterator<Lease> {
    return this.#byIp.values();
  }

  heldBy(key: OwnerKey): readonly Lease[] {
    const held = [...this.#held.of(key)];
    return held.length < 2
      ? held
      : held.toSorted((one, other) => (one.set ?? 0) - (other.set ?? 0));
  }

  cooledBy(key: OwnerKey): readonly Lease[] {
    return [...this.#cooled.of(key)];
  }

  ownersOfInterface(containerId: string, ifname: string): readonly ContainerOwner[] {
    const owners = new Map<OwnerKey, ContainerOwner>();
    for (const { owner } of this.#interfaces.of(`${containerId} ${ifname}`)) {
      if (owner?.kind === "container") owners.set(ownerKey(owner), owner);
    }
    return [...owners.values()];
  }

  containersOfMac(mac: Mac): readonly Lease[] {
    return [...this.#macs.of(mac)];
  }

  stickyFor(name: string): readonly Lease[] {
    return [...this.#sticky.of(name)];
  }

  inState(pool: string, state: LeaseState): IterableIterator<Lease> {
    return this.#states.of(`${state} ${pool}`);
  }

  count(pool: string, state: LeaseState): number {
    return this.#states.size(`${state} ${pool}`);
  }

  cooling(): IterableIterator<Lease> {
    return this.#cooling.of("cooling");
  }

  provisional(): IterableIterator<Lease> {
    return this.#provisional.of("provisional");
  }

  #visit(lease: Lease, act: <Key>(group: Groups<Key>, key: Key) => void): void {
    act(this.#states, `${lease.state} ${lease.pool}`);
    const { owner } = lease;
    if (lease.state === "cooling") {
      act(this.#cooling, "cooling");
      if (owner !== undefined) act(this.#cooled, ownerKey(owner));
      if (lease.sticky !== undefined) act(this.#sticky, lease.sticky);
    }
    if (lease.state !== "leased" || owner === undefined) return;
    act(this.#held, ownerKey(owner));
    if (owner.kind !== "container") return;
    act(this.#interfaces, `${owner.containerId} ${owner.ifname}`);
    if (lease.mac !== undefined) act(this.#macs, lease.mac);
    if (lease.provisional === true) act(this.#provisional, "provisional");
  }
}

/** Leases grouped under a key, each group in the order of arrival; empty groups are dropped. */
class Groups<Key> {
  readonly #groups = new Map<Key, Map<Ip, Lease>>();

  add(key: Key, lease: Lease): void {
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, new Map([[lease.ip, lease]]));
    else group.set(lease.ip, lease);
  }

  remove(key: Key, ip: Ip): void {
    const group = this.#groups.get(key);
    group?.delete(ip);
    if (group?.size === 0) this.#groups.delete(key);
  }

  of(key: Key): MapIterator<Lease> {
    return (this.#groups.get(key) ?? new Map<Ip, Lease>()).values();
  }

  size(key: Key): number {
    return this.#groups.get(key)?.size ?? 0;
  }
}
