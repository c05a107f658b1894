// How an address leaves its holder: cooling first, free later, and the host route goes at once.

import type { Ip, Mac } from "./address.ts";
import type { Decision, RouteChange } from "./effects.ts";
import type { BusinessEvent, Finding, ReleaseReason } from "./events.ts";
import type { Lease } from "./lease.ts";
import { COOLING_TIME, STICKY_TIME } from "./limits.ts";
import { type Change, putLease } from "./record.ts";
import type { Millis } from "./time.ts";

/** Gathers what a decision asks for, in order. */
export class Draft {
  readonly changes: Change[] = [];
  readonly routes: RouteChange[] = [];
  readonly events: BusinessEvent[] = [];

  put(lease: Lease): void {
    this.changes.push(putLease(lease));
  }

  route(ip: Ip, mac: Mac | undefined): void {
    this.routes.push(mac === undefined ? { op: "add", ip } : { op: "add", ip, mac });
  }

  /** Takes the address from its holder and lets it cool; who held it last stays known. */
  release(lease: Lease, now: Millis, reason: ReleaseReason): void {
    const time = lease.sticky === undefined ? COOLING_TIME : STICKY_TIME;
    this.#cool(lease, lease, now, now + time);
    this.#leaves(lease, reason);
  }

  /** {@link release} of an address that `cooling` had when it was drawn: it cools anew, and stays kept for whom it was. */
  giveBack(lease: Lease, cooling: Lease, now: Millis, reason: ReleaseReason): void {
    this.#cool(lease, cooling, now, Math.max(cooling.until ?? 0, now + COOLING_TIME));
    this.#leaves(lease, reason);
  }

  #cool({ ip, pool, sequence }: Lease, last: Lease, now: Millis, until: Millis): void {
    const { owner, sticky, mac } = last;
    this.put({
      ip,
      pool,
      sequence,
      state: "cooling",
      since: now,
      routed: false,
      until,
      ...(owner === undefined ? {} : { owner }),
      ...(sticky === undefined ? {} : { sticky }),
      ...(mac === undefined ? {} : { mac }),
    });
  }

  #leaves(lease: Lease, reason: ReleaseReason): void {
    const { ip, owner } = lease;
    if (lease.routed) this.routes.push({ op: "delete", ip });
    this.events.push({
      event: "lease.released",
      ip,
      reason,
      ...(owner === undefined ? {} : { owner }),
    });
  }

  /** Tells what showed that the lease has no holder any more. */
  orphaned({ ip, owner, sequence }: Lease, finding: Finding): void {
    const by = owner === undefined ? {} : { owner };
    this.events.push({ event: "lease.orphaned", ip, sequence, finding, ...by });
  }

  decision<Outcome>(outcome: Outcome): Decision<Outcome> {
    return { changes: this.changes, routes: this.routes, events: this.events, outcome };
  }
}
