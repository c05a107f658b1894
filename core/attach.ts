// CNI ADD as a decision: replay what the interface holds, or draw one address from each range set, all or none.

import type { Ip, Mac } from "./address.ts";
import { cursorName, draw } from "./draw.ts";
import { type Decision, unchanged } from "./effects.ts";
import { BrokerError } from "./errors.ts";
import type { Ledger } from "./ledger.ts";
import {
  type Attachment,
  type ContainerOwner,
  type Lease,
  describeOwner,
  ownerKey,
} from "./lease.ts";
import { isAllocatable } from "./pool.ts";
import { type Pool, type RangeSet, describeSet, rangeFor } from "./range.ts";
import { Draft } from "./release.ts";
import { type Millis, isOlder } from "./time.ts";

export interface AttachRequest {
  readonly owner: ContainerOwner;
  readonly attachment: Attachment;
  readonly pool: Pool;
  /** Addresses that the caller insists on; every one must be used. */
  readonly requested: readonly Ip[];
  /** Refuse to answer twice for one interface, as host-local does. */
  readonly strict: boolean;
  readonly sticky?: string;
  readonly mac?: Mac;
}
export type AttachOutcome =
  /** In range-set order. */
  | { readonly kind: "attached"; readonly leases: readonly Lease[] }
  | { readonly kind: "refused"; readonly error: BrokerError };

/** What decisions are told of the moment: wall clock and the boot that runs now. */
export interface Moment {
  readonly now: Millis;
  readonly bootId: string;
}

export function decideAttach(
  ledger: Ledger,
  request: AttachRequest,
  moment: Moment,
): Decision<AttachOutcome> {
  const key = ownerKey(request.owner);
  if (isReleased(ledger, request, moment)) {
    const { containerId } = request.owner;
    return unchanged({ kind: "refused", error: staleCall(request.owner) }, [
      { event: "attachment.refused", reason: "stale-call", containerId },
    ]);
  }
  const held = ledger.heldBy(key);
  if (held.length > 0) {
    if (request.strict && held.some((lease) => lease.attachment?.stamp.bootId === moment.bootId)) {
      return unchanged({ kind: "refused", error: duplicate(request.owner, held) });
    }
    if (fits(held, request)) return replay(held, request, moment);
  }
  return allocate(ledger, request, held, moment);
}

/** Whether a DEL that began later was answered: one of this key, or one whose conf did not tell its network. */
export function isReleased(
  ledger: Ledger,
  { owner, attachment }: Pick<AttachRequest, "owner" | "attachment">,
  { now, bootId }: Moment,
): boolean {
  return [ownerKey(owner), ownerKey({ ...owner, network: "" })].some((key) => {
    const tombstone = ledger.tombstone(key);
    return (
      tombstone !== undefined &&
      tombstone.until > now &&
      isOlder(attachment.stamp, tombstone.stamp, bootId)
    );
  });
}

/** Whether what is held answers the request: one address of each set, the requested ones among them. */
function fits(held: readonly Lease[], request: AttachRequest): boolean {
  const { sets } = request.pool;
  if (held.length !== sets.length) return false;
  const inPlace = held.every(
    (lease, set) =>
      lease.pool === request.pool.name &&
      lease.set === set &&
      isAllocatable(sets[set] ?? [], lease.ip) !== undefined,
  );
  return inPlace && request.requested.every((ip) => held.some((lease) => lease.ip === ip));
}

/**
 * The same answer again; the newer call's evidence replaces the older one's. The confirmation stays within a boot: one from
 * before says nothing of whether the runtime that came after it gets this answer.
 */
function replay(
  held: readonly Lease[],
  request: AttachRequest,
  moment: Moment,
): Decision<AttachOutcome> {
  const draft = new Draft();
  const leases = held.map((lease): Lease => {
    const { attachment } = lease;
    const late =
      attachment !== undefined &&
      isOlder(request.attachment.stamp, attachment.stamp, moment.bootId);
    return {
      ...lease,
      attachment: late ? attachment : request.attachment,
      ...(attachment?.stamp.bootId === request.attachment.stamp.bootId || late
        ? {}
        : { provisional: true }),
      ...(request.mac === undefined ? {} : { mac: request.mac }),
    };
  });
  for (const lease of leases) {
    draft.put(lease);
    if (lease.routed) draft.route(lease.ip, lease.mac);
    draft.events.push({
      event: "lease.bound",
      ip: lease.ip,
      owner: request.owner,
      pool: lease.pool,
      renewed: true,
    });
  }
  return draft.decision({ kind: "attached", leases });
}

function allocate(
  ledger: Ledger,
  request: AttachRequest,
  held: readonly Lease[],
  moment: Moment,
): Decision<AttachOutcome> {
  const draft = new Draft();
  for (const lease of held) draft.release(lease, moment.now, "replaced");
  const wanted = [...request.requested];
  const leases: Lease[] = [];
  for (const [set, ranges] of request.pool.sets.entries()) {
    const index = wanted.findIndex((ip) => rangeFor(ranges, ip) !== undefined);
    const asked = index < 0 ? undefined : wanted.splice(index, 1)[0];
    const drawn =
      asked === undefined
        ? drawFor(ledger, request, set, held)
        : takeRequested(ledger, ranges, asked, held);
    if (drawn instanceof BrokerError) {
      const events =
        drawn.code === "pool-exhausted"
          ? [{ event: "pool.exhausted", pool: request.pool.name } as const]
          : [];
      return unchanged({ kind: "refused", error: drawn }, events);
    }
    const lease = bound(ledger, request, set, drawn.ip, moment.now);
    leases.push(lease);
    draft.put(lease);
    draft.changes.push({
      op: "put",
      record: { kind: "cursor", cursor: { name: cursorName(request.pool, set), ip: drawn.ip } },
    });
    if (lease.routed) draft.route(lease.ip, lease.mac);
    if (drawn.shortened)
      draft.events.push({ event: "cooling.shortened", ip: drawn.ip, pool: request.pool.name });
    draft.events.push({
      event: "lease.bound",
      ip: lease.ip,
      owner: request.owner,
      pool: lease.pool,
      renewed: false,
    });
  }
  if (wanted.length > 0) return unchanged({ kind: "refused", error: notAllRequested(wanted) });
  return draft.decision({ kind: "attached", leases });
}

function drawFor(
  ledger: Ledger,
  request: AttachRequest,
  set: number,
  held: readonly Lease[],
): { ip: Ip; shortened: boolean } | BrokerError {
  const kept = request.sticky === undefined ? [] : ledger.stickyFor(request.sticky);
  return (
    draw(ledger, request.pool, set, [...held, ...kept]) ??
    exhausted(ledger, request.pool, request.pool.sets[set] ?? [])
  );
}

/** A requested address is given when nobody holds it; one that still cools is given too, for nothing else would answer. */
function takeRequested(
  ledger: Ledger,
  ranges: RangeSet,
  ip: Ip,
  held: readonly Lease[],
): { ip: Ip; shortened: boolean } | BrokerError {
  if (isAllocatable(ranges, ip) === undefined) {
    const gateway = rangeFor(ranges, ip)?.gateway === ip;
    const message = gateway
      ? `requested ip ${ip} is subnet's gateway`
      : `requested IP address ${ip} is not available in range set ${describeSet(ranges)}`;
    return new BrokerError("address-unavailable", message, {
      hint: "ask for an address that is not excluded from the range",
    });
  }
  const lease = ledger.lease(ip);
  const mine = held.some((own) => own.ip === ip);
  if (
    (lease === undefined || lease.state === "cooling" || mine) &&
    ledger.offer(ip) === undefined
  ) {
    return { ip, shortened: lease !== undefined && !mine };
  }
  return new BrokerError(
    "address-unavailable",
    `requested IP address ${ip} is not available in range set ${describeSet(ranges)}`,
    {
      details: `${ip} is ${lease?.state ?? "offered"}: ${describeOwner(lease?.owner)}`,
      hint: `cocoon-net why ${ip} tells who has it`,
    },
  );
}

function bound(ledger: Ledger, request: AttachRequest, set: number, ip: Ip, now: Millis): Lease {
  const { owner, attachment, pool, sticky, mac } = request;
  return {
    ip,
    pool: pool.name,
    state: "leased",
    owner,
    sequence: ledger.nextSequence(),
    since: now,
    provisional: true,
    set,
    attachment,
    routed: pool.routed,
    ...(sticky === undefined ? {} : { sticky }),
    ...(mac === undefined ? {} : { mac }),
  };
}

/** host-local's beginning of the message, then what the pool looks like and what to do. */
function exhausted(ledger: Ledger, pool: Pool, ranges: RangeSet): BrokerError {
  const states = (["leased", "offered", "cooling", "quarantined"] as const).map(
    (state) => `${state} ${ledger.count(pool.name, state)}`,
  );
  return new BrokerError(
    "pool-exhausted",
    `no IP addresses available in range set: ${describeSet(ranges)}`,
    {
      details: `pool ${pool.name}: ${states.join(", ")}`,
      hint: "cocoon-net leases shows the holders; delete unused pods or widen the pool",
    },
  );
}

const notAllRequested = (wanted: readonly Ip[]) =>
  new BrokerError(
    "address-unavailable",
    `failed to allocate all requested IPs: ${wanted.join(", ")}`,
    {
      hint: "every requested address must lie in a range set of its own",
    },
  );

const duplicate = (owner: ContainerOwner, held: readonly Lease[]) =>
  new BrokerError(
    "duplicate-attachment",
    `${describeOwner(owner)} has been allocated to ${held.map((lease) => lease.ip).join(", ")}, duplicate allocation is not allowed`,
    {
      hint: "send DEL before ADD, or leave out strict to get the same answer again",
    },
  );

const staleCall = (owner: ContainerOwner) =>
  new BrokerError(
    "stale-call",
    `ADD of ${describeOwner(owner)} began before the DEL that has already been answered`,
    {
      hint: "send a new ADD if the container is to live",
    },
  );
