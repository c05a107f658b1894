// A node of the product for a benchmark: its own namespaces and folder, a /15 of addresses, the built broker.

import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import {
  COCOON_IPAM,
  COCOON_NET,
  type BrokerProcess,
  brokerPaths,
  nodeEnvironment,
  startBroker,
} from "#test/netns/broker.ts";
import { type NetworkNamespace, namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

/** 131,070 addresses: twice what the largest case holds. */
export const SUBNET = "10.90.0.0/15";
export const GATEWAY = "10.90.0.1";
export const BRIDGE = "cni0";
const STOCK_PLUGINS = "/usr/lib/cni";
const QUIET = { COCOON_NET_LOG_LEVEL: "warn" };

export interface BenchNode extends AsyncDisposable {
  readonly broker: BrokerProcess;
  readonly namespace: NetworkNamespace;
  /** Where the containers of the benchmark say they live. */
  readonly containers: NetworkNamespace;
  readonly folder: string;
  /** The configuration that a runtime would give the plugin. */
  readonly conf: string;
}

/** Adopts and starts; disposing ends and removes all. `env` is added to the broker's environment. */
export async function startNode(
  options: { readonly env?: Record<string, string> } = {},
): Promise<BenchNode> {
  await using undo = new AsyncDisposableStack();
  const { path: folder } = undo.use(await temporaryFolder());
  const net = undo.use(await namespaces("node", "pods"));
  const { state, socket, plugins, conflists } = brokerPaths(folder);
  await Promise.all([state, plugins, conflists].map((path) => mkdir(path, { recursive: true })));
  await symlink(COCOON_IPAM, join(plugins, "cocoon-ipam"));
  await symlink(join(STOCK_PLUGINS, "bridge"), join(plugins, "bridge"));
  const pool = ["--platform", "local", "--subnet", SUBNET, "--node-name", "bench"];
  const env = { ...nodeEnvironment({ folder, bridge: BRIDGE }), ...QUIET, ...options.env };
  await net.node.exec([COCOON_NET, "adopt", ...pool], { env });
  const broker = undo.use(await startBroker({ namespace: net.node, folder, bridge: BRIDGE, env }));
  const kept = undo.move();
  return {
    broker,
    namespace: net.node,
    containers: net.pods,
    folder,
    conf: JSON.stringify({
      cniVersion: "1.0.0",
      name: "bench",
      type: "bridge",
      ipam: { type: "cocoon-ipam", socket, spool: join(state, "spool") },
    }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
