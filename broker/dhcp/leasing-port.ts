// What the DHCP server needs of the ledger: which address, and whether it may be given.

import type { Ip, Mac } from "#core/address.ts";
import type { BindOutcome, BindRequest } from "#core/guest.ts";

/** An address and the MAC that speaks of it. */
interface GuestAddress {
  readonly mac: Mac;
  readonly ip: Ip;
}

export interface GuestLeasing {
  /** Finds an address for a DISCOVER and holds it in memory for 60 s; nothing is stored. */
  offer(request: { readonly mac: Mac; readonly requested?: Ip }):
    | { readonly kind: "offer"; readonly ip: Ip }
    | { readonly kind: "exhausted" }
    /** The guest's port of the bridge holds as many addresses as one port may. */
    | { readonly kind: "limited" };
  /**
   * Binds the address to the MAC. `bound`: the lease is durable and its route stands. `refused`: the MAC may not have it
   * (NAK). `silent`: it could not be done now; the guest is to hear nothing and will ask again.
   */
  bind(
    request: BindRequest,
  ): Promise<BindOutcome | { readonly kind: "silent"; readonly reason: string }>;
  /** Gives back the lease of that very MAC and address; anything else changes nothing. */
  release(request: GuestAddress): Promise<void>;
  /** The guest found the address in use; it is quarantined if it was the guest's to speak of. */
  decline(request: GuestAddress): Promise<void>;
  /** The guest took another server's offer: ours is free at once. */
  abandon(request: { readonly mac: Mac }): void;
}
