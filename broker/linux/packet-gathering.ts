// Waiting a moment for more datagrams while many come: a turn of the event loop for each one costs more than its answer.

import koffi from "koffi";

/** How long the loop sleeps, in microseconds: every other event waits as long at most, once for each turn that a datagram begins. */
export const GATHERING_TIME = 500;
/** Datagrams a millisecond above which it sleeps: some 500 guests a second that boot. */
export const MANY = 1;
/** A turn that found so many gathers enough without any help. */
export const ENOUGH = 24;
/** The rate is that of about so many milliseconds. */
const MEMORY = 20;
/** Shorter gaps, in milliseconds, tell nothing of a rate. */
const SHORTEST_GAP = 0.05;

const usleep = koffi.load("libc.so.6").func("int usleep(uint32_t)") as (time: number) => number;

export interface GatheringOptions {
  /** Milliseconds with a fraction; of any origin. */
  readonly now?: () => number;
  /** Sleeps so many microseconds, the event loop with it. */
  readonly sleep?: (time: number) => void;
}

/**
 * As network cards put off their interrupts: nothing sleeps while datagrams are few, so that a guest alone is answered at
 * once; and nothing sleeps while a turn finds many, so that a broker with more work than time loses none of it.
 */
export class Gathering {
  readonly #now: () => number;
  readonly #sleep: (time: number) => void;
  #begun = Number.NEGATIVE_INFINITY;
  #arrived = 0;
  /** Datagrams a millisecond. */
  #rate = 0;

  constructor({ now = () => performance.now(), sleep = usleep }: GatheringOptions = {}) {
    this.#now = now;
    this.#sleep = sleep;
  }

  /** A turn found its first datagram; sleeps when more are worth waiting for. */
  begin(): void {
    const arrived = this.#arrived;
    const now = this.#now();
    const gap = Math.max(SHORTEST_GAP, now - this.#begun);
    this.#rate += (arrived / gap - this.#rate) * Math.min(1, gap / MEMORY);
    this.#begun = now;
    this.#arrived = 0;
    if (this.#rate > MANY && arrived < ENOUGH) this.#sleep(GATHERING_TIME);
  }

  /** The turn found a datagram, the first one included. */
  count(): void {
    this.#arrived += 1;
  }
}
