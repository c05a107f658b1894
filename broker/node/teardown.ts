// Takes away exactly what is ours: chains, routes, addresses, the bridge if we made it, and the sysctls' new values.

import { toBrokerError } from "#core/errors.ts";
import type { RouteTable } from "#core/ports.ts";
import type { NodeProblem } from "./apply.ts";
import { BRIDGE_ALIAS, type NodeNetwork, desiredNode } from "./desired.ts";
import { readChain, removalText } from "./firewall-text.ts";
import type { NodeLink, NodePorts } from "./ports.ts";
import { SOURCE_TABLE } from "./source-table.ts";

export interface TeardownReport {
  readonly removed: readonly string[];
  readonly problems: readonly NodeProblem[];
}
interface Removal {
  readonly item: string;
  readonly make: () => Promise<void> | void;
}

/** May be repeated. A bridge that someone's ports are still on, or that we did not make, stays. */
export async function teardownNode(
  network: NodeNetwork,
  ports: NodePorts,
  routes: RouteTable,
): Promise<TeardownReport> {
  const removals = await planTeardown(network, ports, routes);
  const removed: string[] = [];
  const problems: NodeProblem[] = [];
  for (const { item, make } of removals) {
    try {
      await make();
      removed.push(item);
    } catch (thrown) {
      problems.push({ item, error: toBrokerError(thrown) });
    }
  }
  if (problems.length === 0) ports.memory.save({ bootId: ports.memory.load().bootId, sysctls: {} });
  return { removed, problems };
}

/** In words what {@link teardownNode} would do. */
export async function planNodeTeardown(
  network: NodeNetwork,
  ports: NodePorts,
  routes: RouteTable,
): Promise<readonly string[]> {
  return (await planTeardown(network, ports, routes)).map((removal) => removal.item);
}

async function planTeardown(
  network: NodeNetwork,
  ports: NodePorts,
  routes: RouteTable,
): Promise<readonly Removal[]> {
  const links = await ports.links.observe();
  const bridge = links.find((link) => link.name === network.bridge);
  return [
    ...(await ruleRemovals(network, ports)),
    ...(await tableRemovals(ports)),
    ...(await routeRemovals(routes)),
    ...(bridge === undefined ? [] : bridgeRemovals(bridge, links, ports)),
    ...sysctlRemovals(network, ports),
  ];
}

/** Also when iptables are no longer ours to manage: chains of ours may stand from before. */
async function ruleRemovals(network: NodeNetwork, ports: NodePorts): Promise<readonly Removal[]> {
  const { chains } = desiredNode({ ...network, manageIptables: true });
  if (chains.length === 0) return [];
  const rules = await ports.firewall.observe();
  const unused = ports.memory.load().newTables ?? [];
  return chains.flatMap((desired) => {
    const text = removalText(desired, readChain(rules, desired));
    if (text === "") return [];
    const make = async (): Promise<void> => {
      await ports.firewall.restore(text);
      if (unused.includes(desired.table)) await ports.firewall.dropEmpty(desired.table);
    };
    return [
      { item: `remove the chain ${desired.chain} of iptables' ${desired.table} table`, make },
    ];
  });
}

async function tableRemovals({ tables }: NodePorts): Promise<readonly Removal[]> {
  if ((await tables.list(SOURCE_TABLE)) === undefined) return [];
  const item = `remove the table ${SOURCE_TABLE} of nftables' bridge family`;
  return [{ item, make: () => tables.remove(SOURCE_TABLE) }];
}

async function routeRemovals(routes: RouteTable): Promise<readonly Removal[]> {
  const standing = await routes.list();
  if (standing.length === 0) return [];
  const make = async (): Promise<void> => {
    const answers = await routes.apply(standing.map(({ ip }) => ({ op: "delete", ip })));
    const failed = answers.find((answer) => answer !== undefined);
    if (failed !== undefined) throw failed;
  };
  return [{ item: `remove ${standing.length} host routes`, make }];
}

function bridgeRemovals(
  bridge: NodeLink,
  links: readonly NodeLink[],
  ports: NodePorts,
): readonly Removal[] {
  const members = links.some((link) => link.master === bridge.index);
  const { name } = bridge;
  if (bridge.alias === BRIDGE_ALIAS && !members) {
    return [{ item: `delete the bridge ${name}`, make: () => ports.links.deleteLink(name) }];
  }
  const { takenOver } = ports.memory.load();
  const { mtu } = takenOver?.index === bridge.index ? takenOver : bridge;
  const resize = {
    item: `set ${name} back to mtu ${mtu}`,
    make: () => ports.links.setLink(name, { mtu }),
  };
  const addresses = bridge.addresses
    .filter((address) => address.ours)
    .map(({ ip, length }) => ({
      item: `remove ${ip}/${length} from ${name}`,
      make: () => ports.links.changeAddress("delete", name, ip, length),
    }));
  return mtu === bridge.mtu ? addresses : [...addresses, resize];
}

/** Only what still has the value we wrote: whoever changed it since wants it so. */
function sysctlRemovals(network: NodeNetwork, ports: NodePorts): readonly Removal[] {
  const before = ports.memory.load().sysctls;
  return desiredNode(network).sysctls.flatMap(({ key, value }) => {
    const old = before[key];
    if (old === undefined || ports.sysctls.read(key) !== String(value)) return [];
    const item = `set ${key.replaceAll("/", ".")} back to ${old}`;
    const make = (): void => {
      if (ports.sysctls.read(key) !== undefined) ports.sysctls.write(key, old);
    };
    return [{ item, make }];
  });
}
