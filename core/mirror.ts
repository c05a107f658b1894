// What leases.json shows of the ledger: guests as they are, containers so that a Go daemon will not give their addresses away.

import { type Ip, type Mac, ipFamily, ipToNumber, ipv4ToUint, macFromBytes } from "./address.ts";
import type { Lease } from "./lease.ts";
import { FAR_EXPIRY } from "./limits.ts";
import type { MirrorEntry } from "./ports.ts";
import { type Steps, atOnce } from "./turns.ts";

/**
 * A MAC for an address whose interface's MAC is not known: locally administered, unicast, the same each time.
 * IPv4 addresses never share one; of IPv6 addresses those whose last 32 bits differ.
 */
export function placeholderMac(address: Ip): Mac {
  const isIpv4 = ipFamily(address) === 4;
  const low = isIpv4 ? ipv4ToUint(address) : Number(BigInt.asUintN(32, ipToNumber(address)));
  return macFromBytes(
    Uint8Array.of(0x02, isIpv4 ? 0xc4 : 0xc6, low >>> 24, low >>> 16, low >>> 8, low),
  );
}

/** Leases that one step looks at: about half a millisecond. */
const STEP = 1_024;
/** More than there are leases: an address and a place below this make one number that is still exact. */
const PLACES = 2 ** 21;

/**
 * The rows of the mirror: every leased IPv4 address (the Go version knows no IPv6), one row for a MAC, sorted by address.
 * Where two leases have one MAC, as a guest's on a container's interface, the later in `leases` gets its placeholder.
 */
export function* mirrorSteps(leases: readonly Lease[]): Steps<MirrorEntry[]> {
  const rows: MirrorEntry[] = [];
  const taken = new Set<Mac>();
  for (const [index, lease] of leases.entries()) {
    if (index % STEP === STEP - 1) yield;
    if (lease.state !== "leased" || ipFamily(lease.ip) !== 4) continue;
    const known = lease.owner?.kind === "guest" ? lease.owner.mac : lease.mac;
    const mac = known === undefined || taken.has(known) ? placeholderMac(lease.ip) : known;
    taken.add(mac);
    rows.push({ mac, ip: lease.ip, expiry: lease.until ?? FAR_EXPIRY });
  }
  return yield* sorted(rows);
}

/** {@link mirrorSteps}, all of it at once. */
export const mirrorEntries = (leases: Iterable<Lease>): MirrorEntry[] =>
  atOnce(mirrorSteps([...leases]));

/** By address. Numbers are sorted many times faster than rows: each is an address with its row's place behind it. */
function* sorted(rows: readonly MirrorEntry[]): Steps<MirrorEntry[]> {
  const keys = new Float64Array(rows.length);
  for (const [place, { ip }] of rows.entries()) {
    if (place % STEP === STEP - 1) yield;
    keys[place] = ipv4ToUint(ip) * PLACES + place;
  }
  keys.sort();
  const inOrder: MirrorEntry[] = [];
  for (const [index, key] of keys.entries()) {
    if (index % STEP === STEP - 1) yield;
    const row = rows[key % PLACES];
    if (row !== undefined) inOrder.push(row);
  }
  return inOrder;
}
