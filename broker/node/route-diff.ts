// Brings the kernel's host routes back to what the ledger says.

import type { Ip } from "#core/address.ts";
import type { RouteChange } from "#core/effects.ts";
import type { HostRoute, RouteTable } from "#core/ports.ts";

/** What turns `have` into `want`; a route whose neighbour differs is added again, which replaces the neighbour. */
export function diffRoutes(
  want: readonly HostRoute[],
  have: readonly HostRoute[],
): readonly RouteChange[] {
  const standing = new Map<Ip, HostRoute>(have.map((route) => [route.ip, route]));
  const changes: RouteChange[] = [];
  for (const route of want) {
    const found = standing.get(route.ip);
    standing.delete(route.ip);
    if (found === undefined || found.mac !== route.mac) changes.push({ op: "add", ...route });
  }
  for (const ip of standing.keys()) changes.push({ op: "delete", ip });
  return changes;
}

/**
 * Reads the kernel first and the ledger second, without a pause between the second reading and the request: a change that
 * is decided later is queued behind ours. Answers how many routes were put right, and what the kernel refused.
 */
export async function resyncRoutes(
  table: RouteTable,
  want: () => readonly HostRoute[],
): Promise<{ readonly changed: number; readonly errors: readonly Error[] }> {
  const have = await table.list();
  const changes = diffRoutes(want(), have);
  const answers = await table.apply(changes);
  const errors = answers.filter((answer) => answer !== undefined);
  return { changed: changes.length - errors.length, errors };
}
