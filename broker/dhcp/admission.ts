// How many requests the ledger works on at once, and who waits behind them.

import { Backlog } from "./backlog.ts";

/** Two of the ledger's groups: one is gathered while the other is on its way to the disk. More would only grow old there. */
const AT_WORK = 512;
/** Some 4,000 guests that boot at once. Clients ask again after four seconds (RFC 2131 4.1). */
const WAITING = 8_192;
/** Of those, how many one turn of the event loop takes up. */
const TURN = 256;

/**
 * First come, first served. What does not reach the ledger waits here as well: an offer whose guest then waits in vain is
 * work for nothing, and with many of those a server answers fewer guests the more there are.
 * Invariant: while anyone waits, a turn is scheduled, or {@link AT_WORK} are at work and the end of each schedules one.
 */
export class Admission<Request> {
  readonly #attend: (request: Request) => void;
  readonly #waiting = new Backlog<Request>(WAITING);
  #atWork = 0;
  #scheduled = false;
  #idle: (() => void) | undefined;

  /** `attend` must not throw, and calls {@link Admission.began} when its request is one for the ledger. */
  constructor(attend: (request: Request) => void) {
    this.#attend = attend;
  }

  /** Attends to the request now or later; false when as many wait as may. */
  admit(request: Request): boolean {
    if (this.#waiting.size > 0 || this.#atWork >= AT_WORK) return this.#waiting.add(request);
    this.#attend(request);
    return true;
  }

  began(): void {
    this.#atWork += 1;
  }

  ended(): void {
    this.#atWork -= 1;
    this.#attendSoon();
    if (this.#atWork === 0) this.#idle?.();
  }

  /** Takes back everyone who waits. */
  *dismiss(): Generator<Request, void> {
    for (let one = this.#waiting.take(); one !== undefined; one = this.#waiting.take()) yield one;
  }

  /** Resolves when nothing is at work. */
  async idle(): Promise<void> {
    if (this.#atWork > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #attendSoon(): void {
    if (this.#scheduled || this.#waiting.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (let count = 0; count < TURN && this.#atWork < AT_WORK; count++) {
        const request = this.#waiting.take();
        if (request === undefined) return;
        this.#attend(request);
      }
      if (this.#atWork < AT_WORK) this.#attendSoon();
    });
  }
}
