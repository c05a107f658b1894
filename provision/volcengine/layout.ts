// How many interfaces with how many addresses: what was asked for, within the limits of type, instance and subnet.

import { BrokerError } from "#core/errors.ts";
import { type Prefix, formatPrefix, prefixSize } from "#core/prefix.ts";

/** Spec section 6; never above the instance type's limits. */
export const MAX_INTERFACES = 7;
export const MAX_ADDRESSES = 20;
/** Network, gateway and broadcast address: the cloud gives none of them away. */
const RESERVED = 3;

export interface Room {
  readonly poolSize: number;
  readonly subnet: Prefix;
  readonly instanceType: string;
  /** Of the instance type; both include the primary one. */
  readonly limits: { readonly interfaces: number; readonly addresses: number };
  /** Interfaces on the instance that are not ours, the primary one included. */
  readonly others: number;
}

export interface Layout {
  /** Addresses wanted in each slot; slots count from 1. */
  readonly counts: readonly number[];
  readonly total: number;
  /** Why it is less than was asked for; `undefined` when it is not. */
  readonly less: string | undefined;
}

/** Throws `cloud-limit` when there is room for none. */
export function layoutOf(room: Room): Layout {
  const { limits, others, subnet, instanceType, poolSize } = room;
  const perInterface = Math.min(MAX_ADDRESSES, limits.addresses - 1);
  const slots = Math.min(MAX_INTERFACES, limits.interfaces - others);
  if (perInterface < 1)
    throw noRoom(
      `instance type ${instanceType} takes no secondary addresses`,
      "use a type that takes 21 addresses on an interface",
    );
  if (slots < 1)
    throw noRoom(
      `instance type ${instanceType} takes ${limits.interfaces} interfaces, and ${others} of others are attached`,
      "detach an interface that is not needed, or use a larger instance type",
    );
  const counts: number[] = [];
  let wanted = poolSize;
  let free = Number(prefixSize(subnet)) - RESERVED;
  while (counts.length < slots && wanted > 0 && free > 1) {
    const count = Math.min(perInterface, wanted, free - 1);
    counts.push(count);
    wanted -= count;
    free -= count + 1;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0)
    throw noRoom(`${formatPrefix(subnet)} has no room for an interface`, "give a larger --subnet");
  const cause =
    free <= 1
      ? `${formatPrefix(subnet)} has no room for more`
      : `instance type ${instanceType} takes ${limits.interfaces} interfaces (${others} of others) with ${limits.addresses - 1} secondary addresses each, and at most ${MAX_INTERFACES} with ${MAX_ADDRESSES} are used`;
  return {
    counts,
    total,
    less: wanted > 0 ? `${total} addresses instead of ${poolSize}: ${cause}` : undefined,
  };
}

const noRoom = (message: string, hint: string): BrokerError =>
  new BrokerError("cloud-limit", message, { hint });
