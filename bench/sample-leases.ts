// Leases as a busy node has them, made from a number each.

import { ip, ipToNumber, ipv4FromUint, macFromBytes } from "#core/address.ts";
import type { Lease } from "#core/lease.ts";
import { DAY } from "#core/time.ts";

/** The first address after the gateway. */
const FIRST = Number(ipToNumber(ip("10.90.0.2")));

export function containerLease(number: number): Lease {
  return {
    ip: ipv4FromUint(FIRST + number),
    pool: "node",
    state: "leased",
    owner: { kind: "container", network: "bench", containerId: `held-${number}`, ifname: "eth0" },
    sequence: number + 1,
    since: number,
    routed: true,
  };
}

export function guestLease(number: number): Lease {
  const mac = macFromBytes(Uint8Array.of(2, 0x47, 0, number >>> 16, number >>> 8, number));
  return {
    ip: ipv4FromUint(FIRST + number),
    pool: "node",
    state: "leased",
    owner: { kind: "guest", mac },
    sequence: number + 1,
    since: number,
    until: number + DAY,
    mac,
    routed: true,
  };
}
