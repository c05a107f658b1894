// Host routes put right: what the ledger says against what the kernel has, at start and after any loss.

import type { Logger } from "pino";
import type { Ip, Mac } from "#core/address.ts";
import type { RouteChange } from "#core/effects.ts";
import type { Ledger } from "#core/ledger.ts";
import type { Lease } from "#core/lease.ts";
import type { HostRoute, Inspection, RouteTable } from "#core/ports.ts";

/** Changes handed to the kernel at once, so that commands' own routes get their turn in between. */
const BATCH = 512;
/** Routes to add without a MAC for which reading all neighbours costs less than removing one for each. */
const MANY = 4_096;

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
    if (route !== undefined && route.mac === neighbourOf(lease)) continue;
    changes.push(routeOf(lease));
  }
  for (const ip of standing.keys()) changes.push({ op: "delete", ip });
  return changes;
}

/**
 * Each batch is checked against the ledger again just before it goes to the kernel: a lease that came or went since the
 * kernel was read has had its own route change, and that one counts. `neighbours` reads the permanent ones on the bridge:
 * a neighbour that appears where none stood is a command's own, which removes it itself.
 */
export async function resyncRoutes(
  ledger: Ledger,
  routes: Pick<RouteTable, "list" | "apply">,
  neighbours?: Inspection["neighbours"],
): Promise<ResyncOutcome> {
  const changes = diffRoutes(ledger, await routes.list());
  const bare = changes.filter((change) => change.op === "add" && change.mac === undefined).length;
  const standing =
    bare < MANY || neighbours === undefined
      ? undefined
      : new Set((await neighbours()).map(({ ip }) => ip));
  let [added, deleted, failed] = [0, 0, 0];
  for (let start = 0; start < changes.length; start += BATCH) {
    const batch = changes
      .slice(start, start + BATCH)
      .flatMap((change) => asOfNow(ledger, change) ?? [])
      .map((change) => withoutNeighbour(change, standing));
    const results = await routes.apply(batch);
    for (const [index, error] of results.entries()) {
      if (error !== undefined) failed++;
      else if (batch[index]?.op === "add") added++;
      else deleted++;
    }
  }
  return { added, deleted, failed };
}

/** The change as the ledger wants it now, with the MAC of now; undefined when it no longer holds. */
function asOfNow(ledger: Ledger, change: RouteChange): RouteChange | undefined {
  const lease = ledger.lease(change.ip);
  if (lease?.state !== "leased" || !lease.routed)
    return change.op === "delete" ? change : undefined;
  return change.op === "add" ? routeOf(lease) : undefined;
}

/** Told apart only where the neighbours were read. */
function withoutNeighbour(change: RouteChange, standing: ReadonlySet<Ip> | undefined): RouteChange {
  const alone =
    change.op === "add" && change.mac === undefined && standing?.has(change.ip) === false;
  return alone ? { ...change, alone } : change;
}

function routeOf(lease: Lease): RouteChange {
  const { ip } = lease;
  const mac = neighbourOf(lease);
  return mac === undefined ? { op: "add", ip } : { op: "add", ip, mac };
}

/** An address that was only seen in use gets no permanent neighbour: it would be seen for ever as a sign of life. */
const neighbourOf = ({ owner, mac }: Lease): Mac | undefined =>
  owner?.kind === "found" ? undefined : mac;

export function tellResync(outcome: ResyncOutcome, log: Pick<Logger, "info" | "debug">): void {
  const { added, deleted, failed } = outcome;
  log[added + deleted + failed > 0 ? "info" : "debug"](outcome, "host routes put right");
}
