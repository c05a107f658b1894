// What leases.json shows of the ledger: guests as they are, containers so that a Go daemon will not give their addresses away.

import { type Ip, type Mac, ipFamily, ipToNumber, ipv4ToUint, macFromBytes } from "./address.ts";
import type { Lease } from "./lease.ts";
import { FAR_EXPIRY } from "./limits.ts";
import type { MirrorEntry } from "./ports.ts";

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

/**
 * The rows of the mirror: every leased IPv4 address (the Go version knows no IPv6), one row for a MAC, sorted by address.
 * Where two leases have one MAC, as a guest's on a container's interface, the later in `leases` gets its placeholder.
 */
export function mirrorEntries(leases: Iterable<Lease>): MirrorEntry[] {
  const rows: MirrorEntry[] = [];
  const taken = new Set<Mac>();
  for (const lease of leases) {
    if (lease.state !== "leased" || ipFamily(lease.ip) !== 4) continue;
    const known = lease.owner?.kind === "guest" ? lease.owner.mac : lease.mac;
    const mac = known === undefined || taken.has(known) ? placeholderMac(lease.ip) : known;
    taken.add(mac);
    rows.push({ mac, ip: lease.ip, expiry: lease.until ?? FAR_EXPIRY });
  }
  return rows.sort((one, other) => ipv4ToUint(one.ip) - ipv4ToUint(other.ip));
}
