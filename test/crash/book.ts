// What the outside world was told: who was promised which address, and who has given one back.

/** A holder as the ledger names it in words. */
export type Holder = string;

/**
 * `asked`: an answer is due, nothing was promised. `held`: promised. `leaving`: asked to end, not yet told that it has.
 * `gone`: told that it has ended.
 */
export interface Entry {
  readonly state: "asked" | "held" | "leaving" | "gone";
  readonly ip?: string;
}

export class Book {
  readonly #entries = new Map<Holder, Entry>();

  asked(holder: Holder): void {
    this.#entries.set(holder, { state: "asked" });
  }
  held(holder: Holder, ip: string): void {
    const before = this.#entries.get(holder);
    if (before?.state === "held" && before.ip !== ip)
      throw new Error(`${holder} was promised ${before.ip} and is now told ${ip}`);
    this.#entries.set(holder, { state: "held", ip });
  }
  leaving(holder: Holder): void {
    this.#entries.set(holder, { ...this.#entries.get(holder), state: "leaving" });
  }
  gone(holder: Holder): void {
    this.#entries.set(holder, { state: "gone" });
  }
  entry(holder: Holder): Entry | undefined {
    return this.#entries.get(holder);
  }
  ipOf(holder: Holder): string {
    const { ip } = this.#entries.get(holder) ?? {};
    if (ip === undefined) throw new Error(`${holder} was promised no address`);
    return ip;
  }
  entries(): IterableIterator<[Holder, Entry]> {
    return this.#entries.entries();
  }
}

export const container = (id: string, network: string): Holder =>
  `container ${id} eth0 (${network})`;
export const guest = (mac: string): Holder => `guest ${mac}`;
