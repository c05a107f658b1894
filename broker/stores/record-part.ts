// The checks of single parts of a stored record, shared by the readers of its versions.

import { type Ip, type Mac, isIp, parseIp, parseMac } from "#core/address.ts";
import type { LeaseState } from "#core/lease.ts";

/** Leaves the nested checks at the first part that is not as it must be; {@link total} keeps it inside. */
class Malformed extends Error {}
/** One for all: nobody sees it, and a damaged ledger may have tens of thousands. */
const malformed = new Malformed();

/** Never leaves a reader: its shape says nothing that `undefined` does not. */
export function refuse(): never {
  throw malformed;
}

/** What `read` answers, or `undefined` when it refused a part. */
export function total<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

export const leaseStates: readonly LeaseState[] = ["leased", "cooling", "quarantined"];

export function text(value: unknown): string {
  return typeof value === "string" ? value : refuse();
}

export function number(value: unknown): number {
  return typeof value === "number" ? value : refuse();
}

export function ip(value: unknown): Ip {
  const address = text(value);
  // As it nearly always is: making it anew would be another text for each lease.
  return isIp(address) ? address : (parseIp(address) ?? refuse());
}

export function mac(value: unknown): Mac {
  return parseMac(text(value)) ?? refuse();
}

/** `boottime` of a stamp is compared as an integer: anything but decimal digits would throw far from here. */
export function boottime(value: unknown): string {
  const digits = text(value);
  return /^[0-9]{1,20}$/.test(digits) ? digits : refuse();
}

export function oneOf<Value>(value: unknown, allowed: readonly Value[]): Value {
  for (const candidate of allowed) if (candidate === value) return candidate;
  return refuse();
}
