// What a command does to the node itself while no broker runs: taking away what the broker had set up.

import { openNetlink } from "#broker/linux/netlink.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";

/** What {@link removeNode} would take away, one line each. */
export async function planNodeRemoval(config: Config, _pool: PoolFile): Promise<readonly string[]> {
  await using netlink = openNetlink();
  const routes = await openRouteTable({ netlink, bridge: config.bridge }).list();
  return routes.length === 0
    ? []
    : [`${routes.length} host routes to ${config.bridge}, with their neighbours`];
}

/** Takes away our host routes with their neighbours. Repeating it does no harm. */
export async function removeNode(config: Config, _pool: PoolFile): Promise<void> {
  await using netlink = openNetlink();
  const table = openRouteTable({ netlink, bridge: config.bridge });
  const routes = await table.list();
  const outcomes = await table.apply(routes.map(({ ip }) => ({ op: "delete", ip })));
  const failure = outcomes.find((outcome) => outcome !== undefined);
  if (failure !== undefined) throw failure;
}
