// A node of the product for a benchmark: its own namespaces and folder, a /15 of addresses, the built broker.

import { mkdir, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
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
/** The build of this checkout. */
export const DIST = resolve(import.meta.dirname, "../dist");
/** Where Debian puts containernetworking-plugins. */
export const STOCK_PLUGINS = "/usr/lib/cni";
/** Few lines in the log; and any number of guests behind one port of the bridge, as the generators of load are. */
const SETTINGS = { COCOON_NET_LOG_LEVEL: "warn", COCOON_NET_DHCP_LEASES_PER_PORT: "0" };

export interface BenchNode extends AsyncDisposable {
  readonly broker: BrokerProcess;
  readonly namespace: NetworkNamespace;
  /** Where the containers of the benchmark say they live. */
  readonly containers: NetworkNamespace;
  readonly folder: string;
  /** The configuration that a runtime would give the plugin. */
  readonly conf: string;
  /** The plugin's part of it. */
  readonly ipam: Readonly<Record<string, unknown>>;
}

export interface BenchNodeOptions {
  /** Added to the broker's environment. */
  readonly env?: Record<string, string>;
  /** Folder of the build that is measured; this checkout's when absent. */
  readonly dist?: string;
}

/** Adopts and starts; disposing ends and removes all. */
export async function startNode(options: BenchNodeOptions = {}): Promise<BenchNode> {
  const dist = options.dist ?? DIST;
  const command = join(dist, "cocoon-net");
  await using undo = new AsyncDisposableStack();
  const { path: folder } = undo.use(await temporaryFolder());
  const net = undo.use(await namespaces("node", "pods"));
  const { state, socket, plugins, conflists } = brokerPaths(folder);
  await Promise.all([state, plugins, conflists].map((path) => mkdir(path, { recursive: true })));
  await symlink(join(dist, "cocoon-ipam"), join(plugins, "cocoon-ipam"));
  await symlink(join(STOCK_PLUGINS, "bridge"), join(plugins, "bridge"));
  const pool = ["--platform", "local", "--subnet", SUBNET, "--node-name", "bench"];
  const env = { ...nodeEnvironment({ folder, bridge: BRIDGE }), ...SETTINGS, ...options.env };
  await net.node.exec([command, "adopt", ...pool], { env });
  const broker = undo.use(
    await startBroker({
      namespace: net.node,
      folder,
      bridge: BRIDGE,
      env,
      command: [command, "daemon"],
    }),
  );
  const ipam = { type: "cocoon-ipam", socket, spool: join(state, "spool") };
  const kept = undo.move();
  return {
    broker,
    namespace: net.node,
    containers: net.pods,
    folder,
    conf: JSON.stringify({ cniVersion: "1.0.0", name: "bench", type: "bridge", ipam }),
    ipam,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
