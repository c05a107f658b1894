// What a command does to the node itself while no broker runs: taking away what the broker had set up.

import { BrokerError } from "#core/errors.ts";
import type { RouteTable } from "#core/ports.ts";
import { readBootId } from "#broker/linux/boot.ts";
import { openFirewall } from "#broker/linux/firewall.ts";
import { openLinks } from "#broker/linux/links.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { openNodeMemory } from "#broker/linux/node-memory.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { sysctls } from "#broker/linux/sysctl.ts";
import type { NodeNetwork } from "#broker/node/desired.ts";
import type { NodePorts } from "#broker/node/ports.ts";
import { planNodeTeardown, teardownNode } from "#broker/node/teardown.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";
import { nodeNetworkOf } from "./node-network.ts";

/** What {@link removeNode} would take away, one line each. */
export async function planNodeRemoval(config: Config, pool: PoolFile): Promise<readonly string[]> {
  return onNode(config, pool, planNodeTeardown);
}

/** Takes away routes, rules, addresses, our bridge and sysctl values; throws when a part of it stayed. May be repeated. */
export async function removeNode(config: Config, pool: PoolFile): Promise<void> {
  const { problems } = await onNode(config, pool, teardownNode);
  if (problems.length === 0) return;
  throw new BrokerError(
    "system-failure",
    `a part of the node's set-up could not be removed: ${problems.map(({ item }) => item).join("; ")}`,
    {
      details: problems.map(({ item, error }) => `${item}: ${error.message}`).join("; "),
      hint: "put that right and run cocoon-net teardown again; it goes on where it stopped",
    },
  );
}

type Work<Result> = (network: NodeNetwork, ports: NodePorts, routes: RouteTable) => Promise<Result>;

async function onNode<Result>(config: Config, pool: PoolFile, work: Work<Result>): Promise<Result> {
  await using netlink = openNetlink();
  const ports: NodePorts = {
    links: openLinks(netlink),
    sysctls,
    firewall: openFirewall(),
    memory: openNodeMemory(config.nodeMemoryPath, readBootId()),
  };
  // The MTU is of no interest to a removal.
  const network = nodeNetworkOf(pool, config, 0);
  // Awaited here: the sockets are closed on the way out.
  return await work(network, ports, openRouteTable({ netlink, bridge: config.bridge }));
}
