// Addresses held for a guest between OFFER and REQUEST: in memory only, gone with the process (spec section 3).

import type { Ip, Mac } from "./address.ts";
import { Deadlines } from "./deadlines.ts";
import type { Millis } from "./time.ts";

export interface Offer {
  readonly ip: Ip;
  readonly mac: Mac;
  readonly since: Millis;
  readonly until: Millis;
}

/** Stale deadlines allowed beside the live ones. */
const DEADLINE_SLACK = 4_096;

/** What keeps the tree of taken addresses in step with the offers. */
interface Room {
  /** Before anything is changed: throws where memory lacks for so many addresses that come or go. */
  readonly reserve: (ip: Ip, operations: number) => void;
  /** Told of every address whose offer came or went. */
  readonly changed: (ip: Ip) => void;
}

/** At most one offer per MAC and per address. Where memory lacks a RangeError is thrown and no offer comes or goes. */
export class Offers {
  readonly #byIp = new Map<Ip, Offer>();
  readonly #byMac = new Map<Mac, Offer>();
  readonly #deadlines = new Deadlines<Offer>();
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  get size(): number {
    return this.#byIp.size;
  }

  get(ip: Ip): Offer | undefined {
    return this.#byIp.get(ip);
  }

  of(mac: Mac): Offer | undefined {
    return this.#byMac.get(mac);
  }

  all(): IterableIterator<Offer> {
    return this.#byIp.values();
  }

  /** Holds the address for the MAC until then; an earlier offer to the MAC is dropped. */
  hold(offer: Offer): void {
    // Its own address, and the one of the offer before it, which is of the same family.
    this.#room.reserve(offer.ip, 2);
    const before = this.#byMac.get(offer.mac);
    if (before !== undefined && before.ip !== offer.ip) this.drop(before);
    this.#byIp.set(offer.ip, offer);
    this.#byMac.set(offer.mac, offer);
    this.#deadline(offer);
    this.#room.changed(offer.ip);
  }

  drop(offer: Offer): void {
    if (this.#byIp.get(offer.ip)?.mac !== offer.mac) return;
    this.#room.reserve(offer.ip, 1);
    this.#byIp.delete(offer.ip);
    this.#byMac.delete(offer.mac);
    this.#room.changed(offer.ip);
  }

  /** Drops every offer whose hold is over. */
  lapse(now: Millis): void {
    for (
      let offer = this.#deadlines.take(now);
      offer !== undefined;
      offer = this.#deadlines.take(now)
    ) {
      if (this.#byIp.get(offer.ip) === offer) this.#lapse(offer);
    }
  }

  #lapse(offer: Offer): void {
    try {
      this.drop(offer);
    } catch (thrown) {
      this.#deadlines.add(offer.until, offer);
      throw thrown;
    }
  }

  /** Renewed offers leave their old deadlines behind: when these outnumber the live ones the heap is built anew. */
  #deadline(offer: Offer): void {
    this.#deadlines.add(offer.until, offer);
    if (this.#deadlines.size <= 2 * this.#byIp.size + DEADLINE_SLACK) return;
    this.#deadlines.clear();
    for (const held of this.#byIp.values()) this.#deadlines.add(held.until, held);
  }
}
