// What the CNI side asks of the rest of the broker: leases for containers, and the node's own pool.

import type { Ip } from "#core/address.ts";
import type { AttachOutcome, AttachRequest } from "#core/attach.ts";
import type { DetachRequest, Released } from "#core/detach.ts";
import type { ContainerOwner, Lease } from "#core/lease.ts";
import type { Pool } from "#core/range.ts";
import type { Stamp } from "#core/time.ts";

/** One container interface that a runtime still knows of. */
export interface ValidAttachment {
  readonly containerId: string;
  readonly ifname: string;
}

/**
 * Leases of containers. What changes something resolves when the change is durable and the routes stand, and rejects
 * with a BrokerError when nothing was changed.
 */
export interface ContainerLeasing {
  attach(request: AttachRequest): Promise<AttachOutcome>;
  /** The result of these allocations reached the runtime. */
  confirm(request: {
    readonly owner: ContainerOwner;
    readonly sequences: readonly number[];
  }): Promise<void>;
  /** Frees what the key holds; an unknown or empty network is matched by container and interface alone. */
  detach(request: DetachRequest): Promise<Released>;
  /** The leases that the owner holds now, in range-set order. */
  check(owner: ContainerOwner): readonly Lease[];
  routeStands(ip: Ip): Promise<boolean>;
  /** Frees what the network's containers hold, but for the valid ones and for what is newer than the stamp. */
  collect(request: {
    readonly network: string;
    readonly valid: readonly ValidAttachment[];
    readonly stamp: Stamp;
  }): Promise<Released>;
  status(pool: Pool): { readonly serving: boolean; readonly available: bigint };
}

/** The node: its own pool, once there is one, and whether the broker serves. */
export interface CniNode {
  pool(): Pool | undefined;
  serving(): boolean;
}
