// CNI DEL and GC as decisions: what the interface held cools, and a tombstone refuses the ADD that comes too late.

import type { Ip } from "./address.ts";
import type { Moment } from "./attach.ts";
import { type Decision, unchanged } from "./effects.ts";
import type { Finding, ReleaseReason } from "./events.ts";
import type { Ledger } from "./ledger.ts";
import { type Lease, type OwnerKey, ownerKey } from "./lease.ts";
import { TOMBSTONE_LIMIT, TOMBSTONE_TIME } from "./limits.ts";
import { type Change, deleteLease, tombstoneKey } from "./record.ts";
import { Draft } from "./release.ts";
import { type Stamp, isOlder } from "./time.ts";

export interface DetachRequest {
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
  readonly stamp: Stamp;
}
export interface Released {
  readonly released: readonly Ip[];
}

/** Frees only what is older than the call: a spooled DEL that comes late leaves a newer ADD of the same key alone. */
export function decideDetach(
  ledger: Ledger,
  request: DetachRequest,
  moment: Moment,
): Decision<Released> {
  const key = ownerKey({ kind: "container", ...request });
  const draft = new Draft();
  let keys: readonly OwnerKey[] = [key];
  if (ledger.heldBy(key).length === 0) {
    // The runtime may call with a renamed network (peers.md R5): container and interface still name the lease.
    keys = [key, ...ledger.keysOfInterface(request.containerId, request.ifname).map(ownerKey)];
  }
  const released: Ip[] = [];
  for (const held of keys) {
    for (const lease of ledger.heldBy(held)) {
      if (!isFreedBy(lease, request.stamp, moment)) continue;
      draft.release(lease, moment.now, "del");
      released.push(lease.ip);
    }
  }
  draft.changes.push(...bury(ledger, keys, request.stamp, moment));
  return draft.decision({ released });
}

export interface CollectRequest {
  readonly network: string;
  readonly valid: readonly { readonly containerId: string; readonly ifname: string }[];
  readonly stamp: Stamp;
}

/** CNI GC: everything of the network's name that is not listed as valid and is older than the call. */
export function decideCollect(
  ledger: Ledger,
  request: CollectRequest,
  moment: Moment,
): Decision<Released> {
  const valid = new Set(request.valid.map(({ containerId, ifname }) => `${containerId} ${ifname}`));
  const draft = new Draft();
  const released: Ip[] = [];
  for (const lease of ledger.leases()) {
    const { owner } = lease;
    if (
      lease.state !== "leased" ||
      owner?.kind !== "container" ||
      owner.network !== request.network
    )
      continue;
    if (
      valid.has(`${owner.containerId} ${owner.ifname}`) ||
      !isFreedBy(lease, request.stamp, moment)
    )
      continue;
    draft.release(lease, moment.now, "gc");
    released.push(lease.ip);
  }
  return draft.decision({ released });
}

export interface ForgetRequest {
  readonly ip: Ip;
  /** The allocation that is meant; another one is left alone. */
  readonly sequence: number;
  readonly reason: ReleaseReason;
}

/** Ends one allocation by its sequence number, for an operator or on evidence. */
export function decideForget(
  ledger: Ledger,
  request: ForgetRequest,
  moment: Moment,
): Decision<Released> {
  const lease = ledger.lease(request.ip);
  if (lease === undefined || lease.sequence !== request.sequence)
    return unchanged({ released: [] });
  const draft = new Draft();
  if (lease.state !== "leased") {
    // Only an operator cuts cooling, a sticky hold or a quarantine short.
    if (request.reason !== "forgotten") return unchanged({ released: [] });
    draft.changes.push(deleteLease(lease.ip));
    draft.events.push({ event: "lease.freed", ip: lease.ip });
    return draft.decision({ released: [lease.ip] });
  }
  draft.release(lease, moment.now, request.reason);
  return draft.decision({ released: [lease.ip] });
}

/** A lease as it was when it was judged, and what showed that its holder is gone; without a finding it has moved. */
export interface Judged {
  readonly lease: Lease;
  readonly finding?: Finding;
}

/**
 * Ends leases that were judged, all in one. Only the very records that were judged: whoever was given the address since,
 * was answered again or confirmed, keeps it.
 */
export function decideEnd(
  ledger: Ledger,
  judged: readonly Judged[],
  moment: Moment,
): Decision<Released> {
  const draft = new Draft();
  const released: Ip[] = [];
  for (const { lease, finding } of judged) {
    if (ledger.lease(lease.ip) !== lease || lease.state !== "leased") continue;
    if (finding !== undefined) draft.orphaned(lease, finding);
    draft.release(lease, moment.now, finding === undefined ? "moved" : "gone");
    released.push(lease.ip);
  }
  return draft.decision({ released });
}

/** What one holder has, together: a container's addresses leave in one change, so that a crash leaves no half of them. */
export function byHolder<One extends Judged>(judged: readonly One[]): readonly (readonly One[])[] {
  const holders = new Map<string, One[]>();
  for (const one of judged) {
    const { owner, ip } = one.lease;
    const holder = owner?.kind === "container" ? ownerKey(owner) : ip;
    const others = holders.get(holder);
    if (others === undefined) holders.set(holder, [one]);
    else others.push(one);
  }
  return [...holders.values()];
}

export interface ConfirmRequest {
  readonly key: OwnerKey;
  readonly sequences: readonly number[];
}

/** The plugin wrote the result out: the leases it was told of are no longer provisional. */
export function decideConfirm(ledger: Ledger, request: ConfirmRequest): Decision<void> {
  const draft = new Draft();
  for (const lease of ledger.heldBy(request.key)) {
    if (lease.provisional !== true || !request.sequences.includes(lease.sequence)) continue;
    const { provisional: _delivered, ...confirmed } = lease;
    draft.put(confirmed);
  }
  return draft.decision(undefined);
}

function isFreedBy(lease: Lease, stamp: Stamp, moment: Moment): boolean {
  return lease.attachment === undefined || isOlder(lease.attachment.stamp, stamp, moment.bootId);
}

/** The newest DEL of each key is remembered; when there are too many, the oldest are forgotten. */
function bury(
  ledger: Ledger,
  keys: readonly OwnerKey[],
  stamp: Stamp,
  moment: Moment,
): readonly Change[] {
  const fresh = keys.filter((key) => ledger.tombstone(key) === undefined).length;
  let over = ledger.tombstones().size + fresh - TOMBSTONE_LIMIT;
  const changes: Change[] = [];
  for (const key of ledger.tombstones().keys()) {
    if (over <= 0) break;
    if (keys.includes(key)) continue;
    changes.push({ op: "delete", key: tombstoneKey(key) });
    over--;
  }
  for (const key of keys) {
    const before = ledger.tombstone(key);
    const newest =
      before !== undefined && isOlder(stamp, before.stamp, moment.bootId) ? before.stamp : stamp;
    const tombstone = { key, stamp: newest, until: moment.now + TOMBSTONE_TIME };
    changes.push({ op: "put", record: { kind: "tombstone", tombstone } });
  }
  return changes;
}
