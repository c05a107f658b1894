// Which guests are behind which port of the bridge, as far as they hold an address: what limits and checks of ports go by.

import type { Ip, Mac } from "#core/address.ts";
import { ipFamily } from "#core/address.ts";
import { type Ledger, guestKey } from "#core/ledger.ts";

export interface GuestPortsOptions {
  readonly ledger: Ledger;
  /** Index of the port behind which the bridge saw the MAC last. */
  readonly portOf: (mac: Mac) => number | undefined;
  /** Name of a port; `undefined` once it is gone. */
  readonly nameOf: (port: number) => string | undefined;
  /** Guests with a lease or an offer behind one port; 0: any number. */
  readonly limit: number;
}

/** Leases without a known port that one look asks the bridge about; the rest has its turn in later ones. */
export const LOOK_LIMIT = 1_024;

/**
 * A MAC is placed when it is first given an address, and stays with its port until it holds none or the port is gone:
 * a frame that another guest sends in its name does not move it. Bounded by the guests that hold an address, and by what
 * {@link GuestPorts.sweep} has not yet cleared away.
 */
export class GuestPorts {
  readonly limit: number;
  readonly #options: GuestPortsOptions;
  readonly #portOf = new Map<Mac, number>();
  readonly #macsOf = new Map<number, Set<Mac>>();
  readonly #containers = new Map<number, boolean>();
  /** Requests under way: they count as if they held their address. */
  readonly #binding = new Map<Mac, number>();
  #unplaced: Mac[] = [];

  constructor(options: GuestPortsOptions) {
    this.#options = options;
    this.limit = options.limit;
  }

  /** Ports with guests behind them; those that are containers', or not yet known to be none, are not among them. */
  ports(): ReadonlySet<number> {
    return new Set([...this.#macsOf.keys()].filter((port) => this.#containers.get(port) === false));
  }

  /** Whether the port is a container's, in which somebody asked for an address by DHCP. */
  isContainers(port: number): boolean {
    return this.#containers.get(port) === true;
  }

  /** Ports of which nobody has said yet whether they are containers'. */
  unjudged(): readonly number[] {
    return [...this.#macsOf.keys()].filter((port) => !this.#containers.has(port));
  }

  /** Holds until no guest is behind the port. */
  judge(port: number, containers: boolean): void {
    if (this.#macsOf.has(port)) this.#containers.set(port, containers);
  }

  placed(): ReadonlyMap<Mac, number> {
    return this.#portOf;
  }

  /** The port that the MAC is placed at. */
  placeOf(mac: Mac): number | undefined {
    return this.#portOf.get(mac);
  }

  /** The port through which the MAC's last frame came. */
  seenAt(mac: Mac): number | undefined {
    return this.#options.portOf(mac);
  }

  nameOf(port: number): string {
    return this.#options.nameOf(port) ?? `with index ${port}`;
  }

  stands(port: number): boolean {
    return this.#options.nameOf(port) !== undefined;
  }

  /** Places the MAC at that port unless it has one. */
  place(mac: Mac, port: number): void {
    if (this.#portOf.has(mac)) return;
    this.#portOf.set(mac, port);
    const macs = this.#macsOf.get(port);
    if (macs === undefined) this.#macsOf.set(port, new Set([mac]));
    else macs.add(mac);
  }

  /** Whether the port holds as many guests as it may, the MAC not among them. */
  isFull(port: number, mac: Mac): boolean {
    const macs = this.#macsOf.get(port);
    if (this.limit === 0 || macs === undefined || macs.has(mac) || macs.size < this.limit)
      return false;
    for (const other of macs) if (!this.#holds(other)) this.#remove(other);
    return macs.size >= this.limit;
  }

  beginBind(mac: Mac): void {
    this.#binding.set(mac, (this.#binding.get(mac) ?? 0) + 1);
  }

  endBind(mac: Mac): void {
    const others = (this.#binding.get(mac) ?? 1) - 1;
    if (others === 0) this.#binding.delete(mac);
    else this.#binding.set(mac, others);
  }

  /** Whether the MAC's container holds an address: that one is the container's own, whatever its port asks for. */
  isContainer(mac: Mac): boolean {
    return this.#options.ledger.containersOfMac(mac).length > 0;
  }

  hasLease(mac: Mac): boolean {
    return this.#options.ledger.heldBy(guestKey(mac)).length > 0;
  }

  /** IPv4 addresses that are the MAC's: its guest's and its container's. */
  addressesOf(mac: Mac): readonly Ip[] {
    const { ledger } = this.#options;
    return [...ledger.heldBy(guestKey(mac)), ...ledger.containersOfMac(mac)]
      .map((lease) => lease.ip)
      .filter((ip) => ipFamily(ip) === 4);
  }

  /** Takes MACs away that hold nothing any more, and those whose port is gone. */
  sweep(): void {
    const gone = new Set([...this.#macsOf.keys()].filter((port) => !this.stands(port)));
    for (const [mac, port] of this.#portOf)
      if (gone.has(port) || !this.#holds(mac)) this.#remove(mac);
  }

  /** Looks for the ports of guests that hold a lease and have none yet, some at a time; whether any was found. */
  look(): boolean {
    if (this.#unplaced.length === 0) this.#unplaced = [...this.unplaced()];
    let found = false;
    for (const mac of this.#unplaced.splice(0, LOOK_LIMIT)) {
      const port = this.#options.portOf(mac);
      if (port === undefined || this.isFull(port, mac)) continue;
      this.place(mac, port);
      found = true;
    }
    return found;
  }

  /** MACs of guests that hold a lease and whose port is not known. */
  *unplaced(): Generator<Mac> {
    for (const { state, owner } of this.#options.ledger.leases())
      if (state === "leased" && owner?.kind === "guest" && !this.#portOf.has(owner.mac))
        yield owner.mac;
  }

  #holds(mac: Mac): boolean {
    return (
      this.#binding.has(mac) ||
      this.#options.ledger.offers.of(mac) !== undefined ||
      this.addressesOf(mac).length > 0
    );
  }

  #remove(mac: Mac): void {
    const port = this.#portOf.get(mac);
    if (port === undefined) return;
    this.#portOf.delete(mac);
    const macs = this.#macsOf.get(port);
    macs?.delete(mac);
    if (macs?.size !== 0) return;
    this.#macsOf.delete(port);
    this.#containers.delete(port);
  }
}
