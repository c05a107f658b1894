// One-off work on the node for commands that run without the broker: what teardown would take away, and taking it away.

import { takeInstanceLock } from "#broker/linux/instance-lock.ts";
import { smallestMtu } from "#broker/linux/mtu.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { nicsByMac } from "#broker/linux/nic-names.ts";
import { openNodePorts } from "#broker/linux/node-ports.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { openUplinkRoutes } from "#broker/linux/uplink-routes.ts";
import type { NodeNetwork } from "#broker/node/desired.ts";
import type { NodePorts } from "#broker/node/ports.ts";
import { planNodeTeardown, teardownNode } from "#broker/node/teardown.ts";
import { type UplinkPort, describeUplinkChange, uplinkRemovals } from "#broker/node/uplinks.ts";
import { BrokerError } from "#core/errors.ts";
import type { RouteTable } from "#core/ports.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";
import { nodeNetworkOf } from "./node-network.ts";
import { withNicNames } from "./uplinks.ts";

/** One init or teardown at a time for a state folder. Throws `already-running` with the other one's process. */
export function lockProvisioning(config: Config): Disposable {
  return takeInstanceLock(config.provisioningLockPath, {
    name: "another init, adopt or teardown",
    hint: "wait until it has ended, then run this command again",
  });
}

/** Held while a node's state goes, so that no broker starts on what is left of it. Throws `already-running`. */
export const lockBroker = (config: Config): Disposable => takeInstanceLock(config.brokerLockPath);

/** One line for each thing of ours on this node, in the order in which they would be removed. */
export function planNodeRemoval(config: Config, pool: PoolFile): Promise<readonly string[]> {
  return withNode(config, pool, async ({ network, ports, routes, uplinks }) => [
    ...uplinkRemovals(await uplinks.observe(), network.subnet).map(describeUplinkChange),
    ...(await planNodeTeardown(network, ports, routes)),
  ]);
}

/** Removes them. Throws a BrokerError that names what could not be removed; running it again goes on from there. */
export async function removeNode(config: Config, pool: PoolFile): Promise<void> {
  const told = await withNode(config, pool, async ({ network, ports, routes, uplinks }) => {
    const removals = uplinkRemovals(await uplinks.observe(), network.subnet);
    const answers = await uplinks.apply(removals);
    const { problems } = await teardownNode(network, ports, routes);
    return [
      ...answers.flatMap((error) => (error === undefined ? [] : [error.message])),
      ...problems.map(({ item, error }) => `${item}: ${error.message}`),
    ];
  });
  if (told.length === 0) return;
  throw new BrokerError("system-failure", `not everything could be removed: ${told.join("; ")}`, {
    hint: "remove the cause and run cocoon-net teardown again",
  });
}

interface Node {
  readonly network: NodeNetwork;
  readonly ports: NodePorts;
  readonly routes: RouteTable;
  readonly uplinks: UplinkPort;
}

async function withNode<Outcome>(
  config: Config,
  pool: PoolFile,
  work: (node: Node) => Promise<Outcome>,
): Promise<Outcome> {
  await using netlink = openNetlink();
  const file = await withNicNames(pool, () => nicsByMac(netlink));
  const mtu = await smallestMtu([file.primaryNIC, ...file.secondaryNICs]);
  // Awaited here: the sockets are closed on the way out.
  return await work({
    network: nodeNetworkOf(file, config, mtu),
    ports: openNodePorts(netlink, config.nodeMemoryPath),
    routes: openRouteTable({ netlink, bridge: config.bridge }),
    uplinks: openUplinkRoutes(netlink),
  });
}
