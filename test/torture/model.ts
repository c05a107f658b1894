// A simple model of what the broker may answer: who was told what, in maps and plain loops, nothing of the product's own.

/** Milliseconds; the product's promises, written down again on purpose (spec sections 3 and 4). */
export const COOLING = 130_000;
export const GRACE = 120_000;
export const TOMBSTONE = 600_000;
export const GUEST_LEASE = 3_600_000;
/** After a reboot: what a guest's lease has left at least (T1) and at most, whatever the clock says. */
const LEAST_REST = GUEST_LEASE / 2;
const LONGEST_REST = 7 * 86_400_000;
/** A step of the clock up to this is followed at the next reboot only. */
const CORRECTION = 10_000;

/** When a call began: its boot and a number that grows. */
export interface Began {
  readonly boot: string;
  readonly number: bigint;
}

/** `maybe`: an answer was lost, or never came; the ledger's next look decides. */
export type Word = "none" | "held" | "maybe";

export interface Container {
  readonly key: string;
  readonly network: string;
  readonly id: string;
  readonly ifname: string;
  word: Word;
  ips: readonly string[];
  /** The newest ADD without an answer: it may have left other addresses than `ips`. */
  adding: Began | undefined;
  began: Began | undefined;
  since: number;
  confirmed: boolean;
  /** When its namespace went. */
  diedAt: number | undefined;
  /** The newest answered DEL, and when it was answered. */
  buried: { readonly began: Began; readonly at: number } | undefined;
}

export interface Guest {
  readonly mac: string;
  word: Word;
  ip: string | undefined;
  /** A REQUEST without an answer may have left another address than `ip`. */
  asking: boolean;
  /** A DECLINE is under way: what it leaves behind is set aside, not given back. */
  declining: boolean;
  /** When the lease may end by itself, and when it must have. */
  endsFrom: number;
  endsBy: number;
}

export class Model {
  readonly containers = new Map<string, Container>();
  readonly guests = new Map<string, Guest>();
  /** Addresses that were given back, when, and by whom. */
  readonly ended = new Map<string, { readonly at: number; readonly holder: string }>();
  /** Addresses that cool, and when that was seen first: what the order of their use is judged by. */
  #cooling = new Map<string, { readonly at: number; readonly sequence: number }>();
  /** DELs that lie in the spool. */
  spooled: {
    readonly key: string;
    readonly began: Began;
    /** Not under another network's name, which buries nothing but what it finds. */
    readonly named: boolean;
  }[] = [];
  boot: string;
  now = 0;

  /** When a repair was under way last: what is dead is then ended after two looks, whenever it died. */
  mendedAt = -1;
  /** By how much the wall clock is before the broker's own. */
  #drift = 0;
  #reboot = { at: -1, ahead: 0 };

  constructor(boot: string) {
    this.boot = boot;
  }

  container(network: string, id: string, ifname: string): Container {
    const key = `container ${id} ${ifname} (${network})`;
    const known = this.containers.get(key);
    if (known !== undefined) return known;
    const fresh: Container = {
      key,
      network,
      id,
      ifname,
      word: "none",
      ips: [],
      adding: undefined,
      began: undefined,
      since: 0,
      confirmed: false,
      diedAt: undefined,
      buried: undefined,
    };
    this.containers.set(key, fresh);
    return fresh;
  }

  guest(mac: string): Guest {
    const known = this.guests.get(mac);
    if (known !== undefined) return known;
    const fresh: Guest = {
      mac,
      word: "none",
      ip: undefined,
      asking: false,
      declining: false,
      endsFrom: 0,
      endsBy: 0,
    };
    this.guests.set(mac, fresh);
    return fresh;
  }

  /** Whether the call began before the other one; of past boots nothing is known but that they are past. */
  isOlder(one: Began, other: Began): boolean {
    return one.boot === other.boot ? one.number < other.number : one.boot !== this.boot;
  }

  /** Whether the ADD comes after a DEL that was to end it. */
  isFenced(container: Container, began: Began): boolean {
    const { buried } = container;
    return (
      buried !== undefined && this.now - buried.at < TOMBSTONE && this.isOlder(began, buried.began)
    );
  }

  added(container: Container, ips: readonly string[], began: Began): void {
    const kept = container.word === "held" && sameAddresses(container.ips, ips);
    if (!kept) {
      for (const ip of container.ips) if (!ips.includes(ip)) this.end(ip, container.key);
      container.since = this.now;
      container.confirmed = false;
    }
    if (container.began !== undefined && container.began.boot !== began.boot)
      container.confirmed = false;
    if (container.began === undefined || this.isOlder(container.began, began))
      container.began = began;
    container.word = "held";
    container.ips = ips;
    container.adding = undefined;
    for (const ip of ips) this.ended.delete(ip);
  }

  /** A DEL or GC that began then was answered. */
  released(container: Container, began: Began): void {
    const { adding } = container;
    if (container.began !== undefined && !this.isOlder(container.began, began)) return;
    // An ADD that began later may have been made before or after.
    if (adding !== undefined && !this.isOlder(adding, began)) container.word = "maybe";
    else this.gone(container);
  }

  gone(container: Container): void {
    for (const ip of container.ips) this.end(ip, container.key);
    container.word = "none";
    container.ips = [];
    container.adding = undefined;
    container.began = undefined;
    container.confirmed = false;
  }

  bury(container: Container, began: Began): void {
    const before = container.buried;
    const newest = before !== undefined && this.isOlder(began, before.began) ? before.began : began;
    container.buried = { began: newest, at: this.now };
  }

  bound(guest: Guest, ip: string): void {
    if (guest.ip !== undefined && guest.ip !== ip) this.end(guest.ip, guest.mac);
    guest.word = "held";
    guest.ip = ip;
    guest.asking = false;
    // What is learned in the moment of a reboot was bound before it.
    const left = this.#reboot.at === this.now ? this.#leftOf(GUEST_LEASE) : GUEST_LEASE;
    guest.endsFrom = this.now + Math.min(left, GUEST_LEASE);
    guest.endsBy = this.now + Math.max(left, GUEST_LEASE);
    this.ended.delete(ip);
  }

  /** The lease of one that asked, and was not answered, may have been renewed: also for less than a clock had left it. */
  maybeRenewed(guest: Guest): void {
    const left = this.#reboot.at === this.now ? this.#leftOf(GUEST_LEASE) : GUEST_LEASE;
    guest.endsFrom = Math.min(guest.endsFrom, this.now + Math.min(left, GUEST_LEASE));
    guest.endsBy = Math.max(guest.endsBy, this.now + Math.max(left, GUEST_LEASE));
  }

  left(guest: Guest): void {
    if (guest.ip !== undefined && !guest.declining) this.end(guest.ip, guest.mac);
    guest.declining = false;
    guest.word = "none";
    guest.ip = undefined;
    guest.asking = false;
  }

  end(ip: string, holder: string): void {
    this.ended.set(ip, { at: this.now, holder });
  }

  /** Whether evidence, or a DEL in the spool, may have ended what the container holds. */
  mayEnd(container: Container): boolean {
    const { began, diedAt, confirmed, since, key } = container;
    const spooled = this.spooled.some(
      (one) => one.key === key && (began === undefined || this.isOlder(began, one.began)),
    );
    if (spooled) return true;
    if (diedAt === undefined) return false;
    if (began?.boot !== this.boot) return true;
    const lasting = this.mendedAt === this.now || this.now - diedAt >= GRACE;
    return this.now - since >= GRACE && (!confirmed || lasting);
  }

  mayHaveExpired(guest: Guest): boolean {
    return this.now >= guest.endsFrom;
  }

  clockStepped(milliseconds: number): void {
    this.#drift += milliseconds;
  }

  /** Within a boot what was left of everything is left of it, however the clock was set. */
  restarted(): void {
    if (Math.abs(this.#drift) > CORRECTION) this.#drift = 0;
  }

  rebooted(boot: string): void {
    this.boot = boot;
    this.#reboot = { at: this.now, ahead: this.#drift };
    this.#drift = 0;
    for (const container of this.containers.values()) container.diedAt ??= this.now;
    for (const guest of this.guests.values()) {
      // What was over may have ended before the reboot.
      if (!this.mayHaveExpired(guest))
        guest.endsFrom = this.now + this.#leftOf(guest.endsFrom - this.now);
      guest.endsBy = this.now + this.#leftOf(guest.endsBy - this.now);
    }
  }

  /** Nobody knows for how long the machine was away, nor whether the clock is right. */
  #leftOf(left: number): number {
    return Math.min(Math.max(left - this.#reboot.ahead, LEAST_REST), LONGEST_REST);
  }

  /** What cools now; an allocation that was made and taken back in between cools anew. */
  sawCooling(cooling: Iterable<{ readonly ip: string; readonly sequence: number }>): void {
    const before = this.#cooling;
    this.#cooling = new Map();
    for (const { ip, sequence } of cooling) {
      const known = before.get(ip);
      this.#cooling.set(ip, known?.sequence === sequence ? known : { at: this.now, sequence });
    }
  }

  /** Undefined for an address that did not cool when it was looked last. */
  coolsSince(ip: string): number | undefined {
    return this.#cooling.get(ip)?.at;
  }

  /** Everyone else who counts on the address. */
  holdersOf(ip: string, but: string): string[] {
    const found: string[] = [];
    for (const container of this.containers.values()) {
      const counts = container.word === "held" && !this.mayEnd(container);
      if (container.key !== but && counts && container.ips.includes(ip)) found.push(container.key);
    }
    for (const guest of this.guests.values()) {
      const counts = guest.word === "held" && !this.mayHaveExpired(guest);
      if (guest.mac !== but && counts && guest.ip === ip) found.push(guest.mac);
    }
    return found;
  }

  /** Forgets containers of which nothing can be heard any more, so that long runs stay small. */
  tidy(): void {
    for (const [key, { word, buried }] of this.containers)
      if (word === "none" && (buried === undefined || this.now - buried.at > 4 * TOMBSTONE))
        this.containers.delete(key);
    for (const [ip, { at }] of this.ended) if (this.now - at > COOLING) this.ended.delete(ip);
  }
}

export const sameAddresses = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((ip) => other.includes(ip));
