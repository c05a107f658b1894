// What the server counted, and the notices it gives of it: bounded in number, and never with bytes from a packet.

import type { Mac } from "#core/address.ts";
import type { Millis } from "#core/time.ts";
import type { DhcpRequest, NotRequest } from "./message.ts";
import type { DhcpReply } from "./reply.ts";
import type { Unanswered } from "./respond.ts";
import { TokenBuckets } from "./token-buckets.ts";

export type DropReason =
  | NotRequest
  | Unanswered
  /** One guest asks too often. */
  | "rate"
  /** Too many wait for their turn. */
  | "busy"
  | "exhausted"
  /** The bridge port the guest is behind holds as many addresses as one port may. */
  | "port-limit"
  /** The ledger or the route failed, or a rapid commit was refused. */
  | "unbound"
  | "reply-too-long"
  | "stopping";

/** A drop worth a log line. `suppressed` are the notices held back since the last one. */
export interface DhcpEvent {
  readonly event: "dhcp.dropped";
  readonly reason: DropReason;
  readonly mac?: Mac;
  readonly detail?: string;
  readonly suppressed: number;
}

export interface DhcpCounters {
  readonly received: Readonly<Record<DhcpRequest["type"], number>>;
  readonly sent: Readonly<Record<DhcpReply["type"], number>>;
  /** By reason; a reason that never happened is absent. */
  readonly dropped: ReadonlyMap<DropReason, number>;
}

/** One notice for a MAC and reason in ten seconds, and so many in all. */
const PER_GUEST = { burst: 1, perSecond: 0.1, keys: 4_096 };
const IN_ALL = { burst: 20, perSecond: 5, keys: 1 };

export class Tally implements DhcpCounters {
  readonly received = { discover: 0, request: 0, decline: 0, release: 0, inform: 0 };
  readonly sent = { offer: 0, ack: 0, nak: 0 };
  readonly dropped = new Map<DropReason, number>();
  readonly #onEvent: (event: DhcpEvent) => void;
  readonly #perGuest = new TokenBuckets(PER_GUEST);
  readonly #inAll = new TokenBuckets(IN_ALL);
  #suppressed = 0;

  constructor(onEvent: (event: DhcpEvent) => void) {
    this.#onEvent = onEvent;
  }

  drop(reason: DropReason, now: Millis, mac?: Mac, detail?: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
    const told = this.#perGuest.take(`${mac ?? ""} ${reason}`, now) && this.#inAll.take("", now);
    if (!told) {
      this.#suppressed += 1;
      return;
    }
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    this.#onEvent({
      event: "dhcp.dropped",
      reason,
      ...(mac === undefined ? {} : { mac }),
      ...(detail === undefined ? {} : { detail }),
      suppressed,
    });
  }
}
