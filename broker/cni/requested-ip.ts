// A requested address as runtimes write it: with or without a prefix length, which says nothing here and is dropped.

import { type Ip, parseIp } from "#core/address.ts";
import { parsePrefix } from "#core/prefix.ts";

/** Reads `10.1.2.3` or `10.1.2.3/24`; `undefined` for anything else. */
export function parseRequestedIp(text: string): Ip | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return parseIp(text);
  return parsePrefix(text) === undefined ? undefined : parseIp(text.slice(0, slash));
}
