// Who holds an address and since when: the record that the ledger keeps for every address that is not free.

import type { Ip, Mac } from "./address.ts";
import type { Millis, Stamp } from "./time.ts";

/** A container's interface (CNI spec 1.1.0: name, CNI_CONTAINERID, CNI_IFNAME). */
export interface ContainerOwner {
  readonly kind: "container";
  readonly network: string;
  readonly containerId: string;
  readonly ifname: string;
}
/** A virtual machine or any other DHCP client, known by its MAC alone (cloned images share client identifiers). */
export interface GuestOwner {
  readonly kind: "guest";
  readonly mac: Mac;
}
/** In use on the node without a record: what an evidence scan or an import found. */
export interface FoundOwner {
  readonly kind: "found";
  /** What shows the use, for example `route`, `neighbour` or `namespace`. */
  readonly evidence: string;
}
export type Owner = ContainerOwner | GuestOwner | FoundOwner;

/** Identity of a network namespace: device and inode of its nsfs file. Inodes are reused after the last user is gone. */
export interface NamespaceIdentity {
  readonly dev: string;
  readonly ino: string;
}

/** What a container's ADD told of itself: the evidence by which its life is judged later. */
export interface Attachment {
  readonly netns: string;
  readonly identity?: NamespaceIdentity;
  readonly stamp: Stamp;
  readonly podNamespace?: string;
  readonly podName?: string;
  readonly podUid?: string;
}

/** What a guest told of itself; for people only, never a key. */
export interface GuestDetails {
  readonly hostname?: string;
  /** Hexadecimal, at most 64 bytes. */
  readonly clientId?: string;
}

/** `offered` lives in memory only; the other states are durable. A free address has no record. */
export type LeaseState = "offered" | "leased" | "cooling" | "quarantined";

export interface Lease {
  readonly ip: Ip;
  readonly pool: string;
  readonly state: LeaseState;
  /** The holder; of a cooling or quarantined address the last one, if any. */
  readonly owner?: Owner;
  /** Grows with every allocation on the node; a release names it, so that a late one cannot free a re-used address. */
  readonly sequence: number;
  readonly since: Millis;
  /** When the state ends by itself; absent for a container's lease. */
  readonly until?: Millis;
  /** A container's lease whose result was not confirmed as delivered. */
  readonly provisional?: true;
  /** Position of the range set that the address was drawn from: results keep that order. */
  readonly set?: number;
  readonly mac?: Mac;
  /** The name under which a pod or guest asked to keep its address. */
  readonly sticky?: string;
  readonly attachment?: Attachment;
  readonly guest?: GuestDetails;
  /** Whether a host route to our bridge belongs to the lease. */
  readonly routed: boolean;
}

/** The release of a container's key: an ADD that began before it is refused (spec section 4). */
export interface Tombstone {
  readonly key: OwnerKey;
  readonly stamp: Stamp;
  readonly until: Millis;
}

declare const brand: unique symbol;
/** One owner as an index key. */
export type OwnerKey = string & { readonly [brand]: "OwnerKey" };

export function ownerKey(owner: Owner): OwnerKey {
  switch (owner.kind) {
    case "container":
      return `container ${owner.network} ${owner.containerId} ${owner.ifname}` as OwnerKey;
    case "guest":
      return `guest ${owner.mac}` as OwnerKey;
    case "found":
      return `found ${owner.evidence}` as OwnerKey;
    default:
      return owner satisfies never;
  }
}

/** The owner in words, for messages and tables. */
export function describeOwner(owner: Owner | undefined): string {
  if (owner === undefined) return "nobody";
  switch (owner.kind) {
    case "container":
      return `container ${owner.containerId} ${owner.ifname} (${owner.network})`;
    case "guest":
      return `guest ${owner.mac}`;
    case "found":
      return `unknown owner (seen by ${owner.evidence})`;
    default:
      return owner satisfies never;
  }
}
