// What is left of a pool: its scarcest set decides, cooling addresses count, other pools' leases do not hide.

import { availableIn } from "#core/available.ts";
import { type Ip, ip } from "#core/address.ts";
import { Ledger } from "#core/ledger.ts";
import type { Lease, LeaseState } from "#core/lease.ts";
import { type Pool, parseRange } from "#core/range.ts";
import { putLease } from "#core/record.ts";
import { expect, test } from "vitest";

function poolOf(...subnets: string[]): Pool {
  const sets = subnets.map((subnet) => {
    const range = parseRange({ subnet });
    if (typeof range === "string") throw new Error(range);
    return [range];
  });
  return { name: "ranges of net", sets, routed: false };
}

const lease = (address: string, state: LeaseState, pool = "ranges of net"): Lease => {
  const taken: Ip = ip(address);
  return { ip: taken, pool, state, sequence: 1, since: 0, routed: false };
};

test.each<[string[], Lease[], number]>([
  [["10.1.2.0/29"], [], 5],
  [["10.1.2.0/29"], [lease("10.1.2.2", "leased")], 4],
  [["10.1.2.0/29"], [lease("10.1.2.2", "cooling"), lease("10.1.2.3", "quarantined")], 4],
  [["10.1.2.0/29"], [lease("10.1.2.2", "leased", "node")], 4],
  [["10.1.2.0/30"], [lease("10.1.2.2", "leased")], 0],
  [
    ["10.1.2.0/29", "2001:db8::/64"],
    [lease("10.1.2.2", "leased"), lease("2001:db8::2", "leased")],
    4,
  ],
  [["10.1.2.0/29", "10.1.3.0/30"], [lease("10.1.3.2", "leased")], 0],
  [["10.1.2.0/29", "10.1.3.0/30"], [lease("10.1.3.2", "cooling")], 1],
  [[], [], 0],
])("of %j", (subnets, leases, expected) => {
  const ledger = new Ledger();
  ledger.apply(leases.map(putLease));
  expect(availableIn(ledger, poolOf(...subnets))).toBe(BigInt(expected));
});
