// The ledger as people and the API see it: leases, pools and single addresses.

import { type Ip, ipToNumber } from "#core/address.ts";
import type { Ledger } from "#core/ledger.ts";
import { type Lease, type Owner, describeOwner } from "#core/lease.ts";
import type { Offer } from "#core/offers.ts";
import { isAllocatable, poolSize } from "#core/pool.ts";
import { formatPrefix, prefixLast } from "#core/prefix.ts";
import type { Pool } from "#core/range.ts";
import type { AddressAnswer, LeaseAnswer, PoolStatus } from "#broker/api/contract.ts";

export function leaseView(lease: Lease): LeaseAnswer {
  const { owner, attachment, guest } = lease;
  return {
    ip: lease.ip,
    pool: lease.pool,
    state: lease.state,
    owner: describeOwner(owner),
    ...(owner === undefined ? {} : { ownerParts: ownerView(owner) }),
    sequence: lease.sequence,
    since: lease.since,
    ...(lease.until === undefined ? {} : { until: lease.until }),
    provisional: lease.provisional === true,
    ...(lease.mac === undefined ? {} : { mac: lease.mac }),
    ...(guest?.hostname === undefined ? {} : { hostname: guest.hostname }),
    ...(lease.sticky === undefined ? {} : { sticky: lease.sticky }),
    routed: lease.routed,
    ...(attachment === undefined
      ? {}
      : {
          attachment: {
            netns: attachment.netns,
            ...(attachment.podNamespace === undefined
              ? {}
              : { podNamespace: attachment.podNamespace }),
            ...(attachment.podName === undefined ? {} : { podName: attachment.podName }),
            ...(attachment.podUid === undefined ? {} : { podUid: attachment.podUid }),
          },
        }),
  };
}

/** Every address with an owner, offers included; each once. */
export function* leaseViews(ledger: Ledger, pool: Pool): Iterable<LeaseAnswer> {
  for (const lease of ledger.leases())
    if (standingOffer(ledger, lease.ip) === undefined) yield leaseView(lease);
  for (const { ip } of ledger.offers.all()) {
    const offer = standingOffer(ledger, ip);
    if (offer !== undefined) yield offerView(offer, pool);
  }
}

/** An address may be offered while it cools, when nothing else is free: then the offer tells who gets it. A holder comes first. */
function standingOffer(ledger: Ledger, ip: Ip): Offer | undefined {
  const state = ledger.lease(ip)?.state;
  return state === undefined || state === "cooling" ? ledger.offer(ip) : undefined;
}

export function poolView(ledger: Ledger, pool: Pool): PoolStatus {
  const size = pool.sets.reduce((sum, set) => sum + poolSize(set), 0n);
  const [leased, recorded, quarantined] = (["leased", "cooling", "quarantined"] as const).map(
    (state) => ledger.count(pool.name, state),
  ) as [number, number, number];
  let [offered, cooling] = [0, recorded];
  for (const { ip } of ledger.offers.all()) {
    if (standingOffer(ledger, ip) === undefined) continue;
    offered++;
    if (ledger.lease(ip)?.pool === pool.name) cooling--;
  }
  const first = pool.sets[0]?.[0];
  return {
    name: pool.name,
    subnet: first === undefined ? "" : formatPrefix(first.subnet),
    ...(first?.gateway === undefined ? {} : { gateway: first.gateway }),
    size: Number(size),
    free: Math.max(0, Number(size) - leased - offered - cooling - quarantined),
    leased,
    offered,
    cooling,
    quarantined,
  };
}

/** What the ledger knows of one address; route, neighbour and history are added by the caller. */
export function addressView(
  ledger: Ledger,
  pool: Pool,
  ip: Ip,
): Pick<AddressAnswer, "ip" | "pool" | "excluded" | "lease"> {
  const lease = ledger.lease(ip);
  const offer = standingOffer(ledger, ip);
  const excluded = lease === undefined ? exclusion(pool, ip) : undefined;
  const shown = offer === undefined ? lease && leaseView(lease) : offerView(offer, pool);
  return {
    ip,
    ...(excluded === undefined ? { pool: lease?.pool ?? pool.name } : { excluded }),
    ...(shown === undefined ? {} : { lease: shown }),
  };
}

function exclusion(pool: Pool, ip: Ip): string | undefined {
  if (pool.sets.some((set) => isAllocatable(set, ip) !== undefined)) return undefined;
  for (const { gateway, subnet } of pool.sets.flat()) {
    if (ip === gateway) return "gateway";
    const value = ipToNumber(ip);
    if (value === subnet.base) return "network address";
    if (subnet.family === 4 && value === prefixLast(subnet)) return "broadcast address";
  }
  return "outside every pool";
}

function offerView(offer: Offer, pool: Pool): LeaseAnswer {
  const owner: Owner = { kind: "guest", mac: offer.mac };
  return {
    ip: offer.ip,
    pool: pool.name,
    state: "offered",
    owner: describeOwner(owner),
    ownerParts: ownerView(owner),
    sequence: 0,
    since: offer.since,
    until: offer.until,
    provisional: false,
    mac: offer.mac,
    routed: false,
  };
}

function ownerView(owner: Owner): NonNullable<LeaseAnswer["ownerParts"]> {
  return { ...owner };
}
