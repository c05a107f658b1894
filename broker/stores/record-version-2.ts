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

/** Texts that most leases have in common, each in memory once instead of in each of tens of thousands of leases. */
class CommonText {
  #last = "";

  /** The same text, and the very one that came before if that says the same. */
  of(text: string): string {
    if (text !== this.#last) this.#last = text;
    return this.#last;
  }
}
const pools = new CommonText();
const networks = new CommonText();
const ifnames = new CommonText();
const devices = new CommonText();
const bootIds = new CommonText();

/** In the order of {@link leaseRow}. Parts are assigned one by one where they are there: an absent part has no key. */
function readLease(row: readonly unknown[]): Lease {
  const lease: Mutable<Lease> = {
    ip: ip(row[1]),
    pool: pools.of(text(row[2])),
    state: oneOf(row[3], leaseStates),
    sequence: number(row[4]),
    since: number(row[5]),
    routed: oneOf(row[6], [true, false]),
  };
  if (row[7] !== null) lease.until = number(row[7]);
  if (row[8] !== null) lease.provisional = oneOf(row[8], [true] as const);
  if (row[9] !== null) lease.set = number(row[9]);
  if (row[10] !== null) lease.mac = mac(row[10]);
  if (row[11] !== null) lease.sticky = text(row[11]);
  if (row[12] !== null) lease.owner = readOwner(parts(row[12]));
  if (row[13] !== null) lease.attachment = readAttachment(parts(row[13]));
  if (row[14] !== null) lease.guest = readGuest(parts(row[14]));
  return lease;
}

function readOwner([kind, first, second, third]: readonly unknown[]): Owner {
  switch (kind) {
    case "container":
      return {
        kind,
        network: networks.of(text(first)),
        containerId: text(second),
        ifname: ifnames.of(text(third)),
      };
    case "guest":
      return { kind, mac: mac(first) };
    case "found":
      return { kind, evidence: text(first) };
    default:
      return refuse();
  }
}

function readAttachment(row: readonly unknown[]): Attachment {
  const [path, dev, ino, bootId, since, podNamespace, podName, podUid] = row;
  const netns = text(path);
  const stamp = { bootId: bootIds.of(text(bootId)), boottime: boottime(since) };
  const attachment: Mutable<Attachment> =
    dev === null && ino === null
      ? { netns, stamp }
      : { netns, stamp, identity: { dev: devices.of(text(dev)), ino: text(ino) } };
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
