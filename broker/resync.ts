// Host routes put right: what the ledger says against what the kernel has, at start and after any loss.

import type { Ip } from "#core/address.ts";
import type { RouteChange } from "#core/effects.ts";
import type { Ledger } from "#core/ledger.ts";
import type { HostRoute, RouteTable } from "#core/ports.ts";

/** Changes handed to the kernel at once, so that commands' own routes get their turn in between. */
const BATCH = 512;

export interface ResyncOutcome {
  readonly added: number;
  readonly deleted: number;
  readonly failed: number;
}

/** What must be changed so that exactly the leased, routed addresses have a route, with the neighbour the ledger knows. */
export function diffRoutes(ledger: Ledger, have: readonly HostRoute[]): RouteChange[] {
  const standing = new Map<Ip, HostRoute>(have.map((route) => [route.ip, route]));
  const changes: RouteChange[] = [];
  for (const lease of ledger.leases()) {
    if (lease.state !== "leased" || !lease.routed) continue;
    const route = standing.get(lease.ip);
    standing.delete(lease.ip);
    if (route !== undefined && route.mac === lease.mac) continue;
    const { ip, mac } = lease;
    changes.push(mac === undefined ? { op: "add", ip } : { op: "add", ip, mac });
  }
  for (const ip of standing.keys()) changes.push({ op: "delete", ip });
  return changes;
}

/**
 * Each batch is checked against the ledger again just before it goes to the kernel: a lease that came or went since the
 * kernel was read has had its own route change, and that one counts.
 */
export async function resyncRoutes(ledger: Ledger, routes: RouteTable): Promise<ResyncOutcome> {
  const changes = diffRoutes(ledger, await routes.list());
  let [added, deleted, failed] = [0, 0, 0];
  for (let start = 0; start < changes.length; start += BATCH) {
    const batch = changes
      .slice(start, start + BATCH)
      .filter((change) => stillHolds(ledger, change));
    const results = await routes.apply(batch);
    for (const [index, error] of results.entries()) {
      if (error !== undefined) failed++;
      else if (batch[index]?.op === "add") added++;
      else deleted++;
    }
  }
  return { added, deleted, failed };
}

function stillHolds(ledger: Ledger, change: RouteChange): boolean {
  const lease = ledger.lease(change.ip);
  const wanted = lease?.state === "leased" && lease.routed;
  return change.op === "add" ? wanted : !wanted;
}
