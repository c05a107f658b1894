// What the ledger did not write itself: leases that the Go version gave while it ran, and addresses found in use. Both are
// taken in before the node is set up, so no routes are asked for here: the resync that follows the set-up makes them.

import type { Ip } from "./address.ts";
import type { Moment } from "./attach.ts";
import type { Decision } from "./effects.ts";
import type { Ledger } from "./ledger.ts";
import type { Lease } from "./lease.ts";
import { FAR_EXPIRY, QUARANTINE_SHARE, QUARANTINE_TIME } from "./limits.ts";
import { placeholderMac } from "./mirror.ts";
import { isAllocatable, poolSize } from "./pool.ts";
import type { MirrorEntry, Sighting } from "./ports.ts";
import type { Pool } from "./range.ts";
import { Draft } from "./release.ts";
import type { Millis } from "./time.ts";

export interface ImportOutcome {
  readonly imported: number;
  readonly released: number;
  /** In words, one for each entry that contradicts the ledger. */
  readonly conflicts: readonly string[];
  /** Entries whose address is not the pool's. */
  readonly foreign: number;
}

/**
 * Takes over a mirror that the Go version changed (spec section 2): its new leases become ours, those it dropped cool, and
 * where it gave an address to another MAC than our record says, nobody gets it for the time of a quarantine. A container's
 * address is never taken from it here: its namespace is the better evidence. `writtenAt` is when we last wrote the mirror:
 * a lease given after that was never listed, so that its absence says nothing.
 */
export function decideImport(
  ledger: Ledger,
  pool: Pool,
  entries: readonly MirrorEntry[],
  writtenAt: Millis,
  moment: Moment,
): Decision<ImportOutcome> {
  const draft = new Draft();
  const set = pool.sets[0] ?? [];
  const conflicts: string[] = [];
  const listed = new Set<Ip>();
  const limit = quarantineLimit(pool) - BigInt(ledger.count(pool.name, "quarantined"));
  const room = { left: limit };
  let imported = 0;
  let foreign = 0;
  for (const entry of entries) {
    if (listed.has(entry.ip)) conflicts.push(`${entry.ip} is listed twice; the first entry counts`);
    else if (isAllocatable(set, entry.ip) === undefined) foreign++;
    else {
      listed.add(entry.ip);
      const verdict = importEntry(ledger, pool, entry, { moment, draft, room });
      if (verdict === "imported") imported++;
      else if (verdict !== "known") conflicts.push(verdict);
    }
  }
  // A file without any address of ours is an emptied, a cut or a wrong one: it says nothing about who has left.
  const released =
    listed.size === 0 ? 0 : releaseUnlisted(ledger, pool, { listed, writtenAt }, moment, draft);
  return draft.decision({ imported, released, conflicts, foreign });
}

function importEntry(
  ledger: Ledger,
  pool: Pool,
  entry: MirrorEntry,
  { moment, draft, room }: { moment: Moment; draft: Draft; room: { left: bigint } },
): string {
  const lease = ledger.lease(entry.ip);
  // An address that was only seen in use gets its guest's name here, unless another MAC was seen with it.
  const seen = lease?.owner?.kind === "found" && (lease.mac ?? entry.mac) === entry.mac;
  const free = lease === undefined || lease.state === "cooling" || seen;
  if (free) {
    // A container's entry without a record: whether it still lives is for the evidence scan to say.
    if (entry.expiry <= moment.now || entry.expiry >= FAR_EXPIRY) return "known";
    draft.put(guestLease(ledger, pool, entry, moment));
    return "imported";
  }
  if (lease.state === "quarantined" || lease.owner?.kind === "container") {
    const ended = entry.expiry <= moment.now;
    return ended || isOurRow(lease, entry)
      ? "known"
      : `${entry.ip} is listed for ${entry.mac} but belongs to a container`;
  }
  if (lease.owner?.kind === "guest" && lease.owner.mac === entry.mac) {
    if (entry.expiry > (lease.until ?? 0)) draft.put({ ...lease, until: entry.expiry });
    return "known";
  }
  if (room.left <= 0n)
    return `${entry.ip} is listed for ${entry.mac} but our record says otherwise; ours stays, for a quarter of the pool is quarantined`;
  room.left--;
  draft.put({
    ip: entry.ip,
    pool: pool.name,
    state: "quarantined",
    sequence: ledger.nextSequence(),
    since: moment.now,
    until: moment.now + QUARANTINE_TIME,
    routed: false,
  });
  draft.events.push({ event: "lease.quarantined", ip: entry.ip, reason: "import" });
  return `${entry.ip} is listed for ${entry.mac} but our record says otherwise; quarantined`;
}

const quarantineLimit = (pool: Pool): bigint => poolSize(pool.sets[0] ?? []) / QUARANTINE_SHARE;

/** A container whose MAC is not known was mirrored under a placeholder; a quarantined address was not mirrored at all. */
function isOurRow(lease: Lease, { ip, mac }: MirrorEntry): boolean {
  if (mac === lease.mac || mac === placeholderMac(ip)) return true;
  return lease.mac === undefined && lease.state === "quarantined";
}

function guestLease(ledger: Ledger, pool: Pool, entry: MirrorEntry, moment: Moment): Lease {
  const { ip, mac, expiry } = entry;
  return {
    ip,
    pool: pool.name,
    state: "leased",
    owner: { kind: "guest", mac },
    mac,
    sequence: ledger.nextSequence(),
    since: moment.now,
    until: expiry,
    routed: pool.routed,
  };
}

function releaseUnlisted(
  ledger: Ledger,
  pool: Pool,
  mirror: { listed: ReadonlySet<Ip>; writtenAt: Millis },
  moment: Moment,
  draft: Draft,
): number {
  let released = 0;
  for (const lease of ledger.leases()) {
    if (lease.pool !== pool.name || lease.state !== "leased" || lease.owner?.kind !== "guest")
      continue;
    if (mirror.listed.has(lease.ip) || lease.since > mirror.writtenAt) continue;
    draft.release(lease, moment.now, "expired");
    released++;
  }
  return released;
}

/**
 * Addresses of the pool that are in use without a record are kept from everyone until the evidence is gone; with
 * `evenCooling` also those that somebody still uses after their release.
 */
export function decideRecover(
  ledger: Ledger,
  pool: Pool,
  sightings: readonly Sighting[],
  moment: Moment,
  evenCooling = false,
): Decision<{ readonly found: readonly Ip[] }> {
  const draft = new Draft();
  const found = new Set<Ip>();
  for (const { ip, mac, evidence } of sightings) {
    if (
      found.has(ip) ||
      !(ledger.lease(ip) === undefined || (evenCooling && ledger.lease(ip)?.state === "cooling")) ||
      isAllocatable(pool.sets[0] ?? [], ip) === undefined
    )
      continue;
    found.add(ip);
    draft.put({
      ip,
      pool: pool.name,
      state: "leased",
      owner: { kind: "found", evidence },
      sequence: ledger.nextSequence(),
      since: moment.now,
      routed: pool.routed,
      ...(mac === undefined ? {} : { mac }),
    });
    draft.events.push({ event: "lease.found", ip, evidence });
  }
  return draft.decision({ found: [...found] });
}
