// Version 2 of the stored records, for leases: a row of parts in fixed places, shorter than version 1 and quicker to read.

import type { Attachment, GuestDetails, Lease, Owner } from "#core/lease.ts";
import type { LedgerRecord } from "#core/record.ts";
import {
  boottime,
  ip,
  leaseStates,
  mac,
  number,
  oneOf,
  refuse,
  text,
  total,
} from "./record-part.ts";

/** The parts behind the version; JSON writes an absent one as `null`. */
export function leaseRow(lease: Lease): readonly unknown[] {
  const { owner, attachment, guest } = lease;
  return [
    lease.ip,
    lease.pool,
    lease.state,
    lease.sequence,
    lease.since,
    lease.routed,
    lease.until,
    lease.provisional,
    lease.set,
    lease.mac,
    lease.sticky,
    owner === undefined ? undefined : ownerRow(owner),
    attachment === undefined ? undefined : attachmentRow(attachment),
    guest === undefined ? undefined : [guest.hostname, guest.clientId],
  ];
}

/** The record, or `undefined` when the row (with its version before it) is none. */
export function readRecordVersion2(row: readonly unknown[]): LedgerRecord | undefined {
  return total(() => ({ kind: "lease", lease: readLease(row) }));
}

function ownerRow(owner: Owner): readonly unknown[] {
  switch (owner.kind) {
    case "container":
      return [owner.kind, owner.network, owner.containerId, owner.ifname];
    case "guest":
      return [owner.kind, owner.mac];
    case "found":
      return [owner.kind, owner.evidence];
    default:
      return owner satisfies never;
  }
}

const attachmentRow = ({ netns, identity, stamp, ...pod }: Attachment): readonly unknown[] => [
  netns,
  identity?.dev,
  identity?.ino,
  stamp.bootId,
  stamp.boottime,
  pod.podNamespace,
  pod.podName,
  pod.podUid,
];

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** Parts are assigned one by one where they are there: an absent part has no key. */
function readLease(row: readonly unknown[]): Lease {
  const [, address, pool, state, sequence, since, routed, until, provisional, set] = row;
  const lease: Mutable<Lease> = {
    ip: ip(address),
    pool: text(pool),
    state: oneOf(state, leaseStates),
    sequence: number(sequence),
    since: number(since),
    routed: oneOf(routed, [true, false]),
  };
  if (until !== null) lease.until = number(until);
  if (provisional !== null) lease.provisional = oneOf(provisional, [true] as const);
  if (set !== null) lease.set = number(set);
  const [guestMac, sticky, owner, attachment, guest] = row.slice(10);
  if (guestMac !== null) lease.mac = mac(guestMac);
  if (sticky !== null) lease.sticky = text(sticky);
  if (owner !== null) lease.owner = readOwner(parts(owner));
  if (attachment !== null) lease.attachment = readAttachment(parts(attachment));
  if (guest !== null) lease.guest = readGuest(parts(guest));
  return lease;
}

function readOwner([kind, first, second, third]: readonly unknown[]): Owner {
  switch (kind) {
    case "container":
      return { kind, network: text(first), containerId: text(second), ifname: text(third) };
    case "guest":
      return { kind, mac: mac(first) };
    case "found":
      return { kind, evidence: text(first) };
    default:
      return refuse();
  }
}

function readAttachment(row: readonly unknown[]): Attachment {
  const [netns, dev, ino, bootId, since, podNamespace, podName, podUid] = row;
  const attachment: Mutable<Attachment> = {
    netns: text(netns),
    stamp: { bootId: text(bootId), boottime: boottime(since) },
  };
  if (dev !== null || ino !== null) attachment.identity = { dev: text(dev), ino: text(ino) };
  if (podNamespace !== null) attachment.podNamespace = text(podNamespace);
  if (podName !== null) attachment.podName = text(podName);
  if (podUid !== null) attachment.podUid = text(podUid);
  return attachment;
}

function readGuest([hostname, clientId]: readonly unknown[]): GuestDetails {
  const guest: Mutable<GuestDetails> = {};
  if (hostname !== null) guest.hostname = text(hostname);
  if (clientId !== null) guest.clientId = text(clientId);
  return guest;
}

function parts(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : refuse();
}
