// Ranges as host-local words them: part of a subnet, several to a set; one address is drawn from each set of a pool.

import type { Family, Ip } from "./address.ts";
import type { Prefix } from "./prefix.ts";

/** Inclusive at both ends; `first` and `last` leave out network and broadcast addresses where the subnet has them. */
export interface Range {
  readonly family: Family;
  readonly subnet: Prefix;
  readonly first: bigint;
  readonly last: bigint;
  /** The default gateway that results carry; never given away. */
  readonly gateway?: Ip;
  /** Blocks inside the range that are never given away. */
  readonly exclude: readonly Prefix[];
}

/** Ranges of one family, none overlapping; in the order of the conf. */
export type RangeSet = readonly Range[];

/** What addresses are drawn from: the node's pool, or the ranges of one network's conf. */
export interface Pool {
  /** `node`, or `ranges of <network>`. */
  readonly name: string;
  readonly sets: readonly RangeSet[];
  /** Whether leases get a host route: only pools bound to our bridge (spec section 3). */
  readonly routed: boolean;
}
