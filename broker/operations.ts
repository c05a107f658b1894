// One-off work on the node for commands that run without the broker: what teardown would take away, and taking it away.

import { takeInstanceLock } from "#broker/linux/instance-lock.ts";
import { smallestMtu } from "#broker/linux/mtu.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { openNodePorts } from "#broker/linux/node-ports.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { planNodeTeardown, teardownNode } from "#broker/node/teardown.ts";
import { BrokerError } from "#core/errors.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";
import { nodeNetworkOf } from "./node-network.ts";

/** One init or teardown at a time for a state folder. Throws `already-running` with the other one's process. */
export function lockProvisioning(config: Config): Disposable {
  return takeInstanceLock(config.provisioningLockPath, {
    name: "another init, adopt or teardown",
    hint: "wait until it has ended, then run this command again",
  });
}

/** One line for each thing of ours on this node, in the order in which they would be removed. */
export function planNodeRemoval(config: Config, pool: PoolFile): Promise<readonly string[]> {
  return withNode(config, pool, planNodeTeardown);
}

/** Removes them. Throws a BrokerError that names what could not be removed; running it again goes on from there. */
export async function removeNode(config: Config, pool: PoolFile): Promise<void> {
  const { problems } = await withNode(config, pool, teardownNode);
  if (problems.length === 0) return;
  const told = problems.map(({ item, error }) => `${item}: ${error.message}`).join("; ");
  throw new BrokerError("system-failure", `not everything could be removed: ${told}`, {
    hint: "remove the cause and run cocoon-net teardown again",
  });
}

async function withNode<Outcome>(
  config: Config,
  pool: PoolFile,
  work: (...node: Parameters<typeof planNodeTeardown>) => Promise<Outcome>,
): Promise<Outcome> {
  await using netlink = openNetlink();
  const mtu = await smallestMtu([pool.primaryNIC, ...pool.secondaryNICs]);
  const routes = openRouteTable({ netlink, bridge: config.bridge });
  const ports = openNodePorts(netlink, config.nodeMemoryPath);
  // Awaited here: the sockets are closed on the way out.
  return await work(nodeNetworkOf(pool, config, mtu), ports, routes);
}
