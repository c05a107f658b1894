// DHCP's questions to the ledger (RFC 2131 4.3): which address is offered, and whether one may be bound to a MAC.

import type { Ip, Mac } from "./address.ts";
import type { Moment } from "./attach.ts";
import { cursorName, draw } from "./draw.ts";
import { type Decision, unchanged } from "./effects.ts";
import type { ReleaseReason } from "./events.ts";
import { type Ledger, guestKey } from "./ledger.ts";
import type { GuestDetails, Lease } from "./lease.ts";
import { OFFER_HOLD, OFFER_HOLD_SCARCE, QUARANTINE_SHARE, QUARANTINE_TIME } from "./limits.ts";
import { isAllocatable, poolSize } from "./pool.ts";
import type { Pool } from "./range.ts";
import { deleteLease } from "./record.ts";
import { Draft } from "./release.ts";
import type { Millis } from "./time.ts";

export type OfferOutcome =
  | { readonly kind: "offer"; readonly ip: Ip; readonly shortened: boolean }
  | { readonly kind: "exhausted" };

/** Finds an address for a DISCOVER and holds it in memory; the order is that of RFC 2131 4.3.1. */
export function offerAddress(
  ledger: Ledger,
  pool: Pool,
  mac: Mac,
  requested: Ip | undefined,
  now: Millis,
): OfferOutcome {
  ledger.offers.lapse(now);
  const settled = containerOf(ledger, pool, mac) ?? leaseOf(ledger, pool, mac);
  if (settled !== undefined) return { kind: "offer", ip: settled.ip, shortened: false };
  const drawn =
    preferred(ledger, pool, mac, requested) ??
    draw(ledger, pool, 0, ledger.cooledBy(guestKey(mac)));
  if (drawn === undefined) return { kind: "exhausted" };
  ledger.offers.hold({
    ip: drawn.ip,
    mac,
    since: now,
    until: now + holdTime(ledger, pool),
  });
  ledger.moveCursor(cursorName(pool, 0), drawn.ip);
  return { kind: "offer", ...drawn };
}

export type BindMode = "selecting" | "init-reboot" | "renewing" | "rebinding" | "rapid-commit";
export interface BindRequest {
  readonly mac: Mac;
  readonly ip: Ip;
  readonly mode: BindMode;
  /** Lease time in seconds. */
  readonly seconds: number;
  readonly guest?: GuestDetails;
}
export type BindOutcome =
  | { readonly kind: "bound"; readonly ip: Ip; readonly seconds: number }
  /** NAK. */
  | { readonly kind: "refused"; readonly reason: string };

/** REQUEST (RFC 2131 4.3.2). The broker is the bridge's only server: what is not in its records is granted when free. */
export function decideBind(
  ledger: Ledger,
  pool: Pool,
  request: BindRequest,
  moment: Moment,
): Decision<BindOutcome> {
  const { mac, ip, mode, seconds } = request;
  const refuse = (reason: string) =>
    unchanged<BindOutcome>({ kind: "refused", reason }, [{ event: "dhcp.refused", mac, reason }]);
  const container = containerOf(ledger, pool, mac);
  if (container !== undefined) {
    if (container.ip !== ip) return refuse("the address of the MAC's container is another one");
    const draft = new Draft();
    if (container.routed) draft.route(ip, mac);
    return draft.decision({ kind: "bound", ip, seconds });
  }
  const held = ledger.heldBy(guestKey(mac)).find((lease) => lease.pool === pool.name);
  if (held !== undefined && held.ip !== ip && mode !== "selecting" && mode !== "rapid-commit") {
    return refuse("the guest's lease is for another address");
  }
  const obstacle = obstacleTo(ledger, pool, mac, ip);
  if (obstacle !== undefined) return refuse(obstacle);
  const draft = new Draft();
  if (held !== undefined && held.ip !== ip) draft.release(held, moment.now, "moved");
  const renewed = held?.ip === ip;
  const lease = leaseFor(ledger, pool, request, renewed ? held : undefined, moment.now);
  draft.put(lease);
  if (!renewed)
    draft.changes.push({
      op: "put",
      record: { kind: "cursor", cursor: { name: cursorName(pool, 0), ip } },
    });
  if (lease.routed) draft.route(ip, mac);
  draft.events.push({
    event: "lease.bound",
    ip,
    owner: { kind: "guest", mac },
    pool: pool.name,
    renewed,
  });
  return draft.decision({ kind: "bound", ip, seconds });
}

/** RELEASE: only the lease of that very MAC and address (X4, X5); a container's address is not the guest's to give back. */
export function decideGuestRelease(
  ledger: Ledger,
  mac: Mac,
  ip: Ip,
  moment: Moment,
  reason: ReleaseReason,
): Decision<void> {
  const lease = ledger.heldBy(guestKey(mac)).find((held) => held.ip === ip);
  if (lease === undefined) return unchanged(undefined);
  const draft = new Draft();
  draft.release(lease, moment.now, reason);
  return draft.decision(undefined);
}

/** DECLINE: the address is in use by someone unknown; it is quarantined, at most a quarter of the pool (X1 to X3). */
export function decideDecline(
  ledger: Ledger,
  pool: Pool,
  mac: Mac,
  ip: Ip,
  moment: Moment,
): Decision<{ readonly quarantined: boolean }> {
  const lease = ledger.heldBy(guestKey(mac)).find((held) => held.ip === ip);
  const offer = ledger.offers.of(mac);
  // The offer alone gives no right to what somebody holds: a commit that failed may have brought the holder back.
  if (lease === undefined && (offer?.ip !== ip || obstacleTo(ledger, pool, mac, ip) !== undefined))
    return unchanged({ quarantined: false });
  const draft = new Draft();
  const limit = poolSize(pool.sets[0] ?? []) / QUARANTINE_SHARE;
  if (limit === 0n) {
    if (lease !== undefined) draft.release(lease, moment.now, "decline");
    return draft.decision({ quarantined: false });
  }
  if (BigInt(ledger.count(pool.name, "quarantined")) >= limit) {
    const oldest = ledger.quarantined(pool.name).next().value;
    if (oldest !== undefined) draft.changes.push(deleteLease(oldest.ip));
  }
  const until = moment.now + QUARANTINE_TIME;
  draft.put({
    ip,
    pool: pool.name,
    state: "quarantined",
    owner: { kind: "guest", mac },
    sequence: ledger.nextSequence(),
    since: moment.now,
    until,
    routed: false,
  });
  if (lease?.routed === true) draft.routes.push({ op: "delete", ip });
  draft.events.push({ event: "lease.quarantined", ip, reason: "decline" });
  return draft.decision({ quarantined: true });
}

/** The lease of the container with this MAC, as far as the pool reaches: not its IPv6 address, nor one of another bridge. */
function containerOf(ledger: Ledger, pool: Pool, mac: Mac): Lease | undefined {
  return ledger
    .containersOfMac(mac)
    .find((lease) => isAllocatable(pool.sets[0] ?? [], lease.ip) !== undefined);
}

/** The address that the guest is told, whatever it asks for; undefined when it would get one that it does not hold yet. */
export const addressOfGuest = (ledger: Ledger, pool: Pool, mac: Mac): Ip | undefined =>
  (containerOf(ledger, pool, mac) ?? leaseOf(ledger, pool, mac))?.ip;

function leaseOf(ledger: Ledger, pool: Pool, mac: Mac): Lease | undefined {
  return ledger
    .heldBy(guestKey(mac))
    .find((lease) => isAllocatable(pool.sets[0] ?? [], lease.ip) !== undefined);
}

/** An offer still held, the last address, or the one asked for: each only while nobody else has it (D1, D3, D4). */
function preferred(
  ledger: Ledger,
  pool: Pool,
  mac: Mac,
  requested: Ip | undefined,
): { ip: Ip; shortened: boolean } | undefined {
  const offered = ledger.offers.of(mac);
  if (offered !== undefined && obstacleTo(ledger, pool, mac, offered.ip) === undefined)
    return { ip: offered.ip, shortened: false };
  for (const cooled of ledger.cooledBy(guestKey(mac))) {
    if (obstacleTo(ledger, pool, mac, cooled.ip) === undefined)
      return { ip: cooled.ip, shortened: false };
  }
  for (const ip of [ledger.affinity(mac)?.ip, requested]) {
    if (ip !== undefined && obstacleTo(ledger, pool, mac, ip) === undefined)
      return { ip, shortened: false };
  }
  return undefined;
}

/** Why the MAC may not have the address; undefined when it may. */
function obstacleTo(ledger: Ledger, pool: Pool, mac: Mac, ip: Ip): string | undefined {
  if (isAllocatable(pool.sets[0] ?? [], ip) === undefined) return "the address is not in the pool";
  const offer = ledger.offer(ip);
  if (offer !== undefined && offer.mac !== mac) return "the address is offered to another guest";
  const lease = ledger.lease(ip);
  if (lease === undefined) return undefined;
  // Offered while it cooled. The offer gives no right to more: a commit that failed may have brought the holder back.
  if (offer?.mac === mac && lease.state === "cooling") return undefined;
  if (lease.owner?.kind === "guest" && lease.owner.mac === mac && lease.state !== "quarantined")
    return undefined;
  if (lease.owner?.kind === "found" && lease.mac === mac) return undefined;
  return `the address is ${lease.state} for another owner`;
}

function leaseFor(
  ledger: Ledger,
  pool: Pool,
  request: BindRequest,
  renewed: Lease | undefined,
  now: Millis,
): Lease {
  const { mac, ip, seconds, guest } = request;
  const details = guest ?? renewed?.guest;
  return {
    ip,
    pool: pool.name,
    state: "leased",
    owner: { kind: "guest", mac },
    mac,
    routed: pool.routed,
    sequence: renewed?.sequence ?? ledger.nextSequence(),
    since: renewed?.since ?? now,
    until: now + seconds * 1_000,
    ...(details === undefined ? {} : { guest: details }),
  };
}

/** Holds are short when the pool is more than four fifths taken, so that they cannot starve it (facts: security). */
function holdTime(ledger: Ledger, pool: Pool): Millis {
  const taken = ledger.count(pool.name, "leased") + ledger.offers.size + 1;
  return BigInt(taken) * 5n > poolSize(pool.sets[0] ?? []) * 4n ? OFFER_HOLD_SCARCE : OFFER_HOLD;
}
