// A node as an operator makes one by hand: a namespace with an uplink and a default route, the plugins in their folder, adopted.
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { linkStockPlugins } from "#test/containerd/stock-plugins.ts";
import {
  brokerPaths,
  COCOON_IPAM,
  COCOON_NET,
  nodeEnvironment,
  type BrokerPaths,
} from "#test/netns/broker.ts";
import { joinByVeth, type NetworkNamespace } from "#test/netns/namespaces.ts";
import type { Output } from "#test/netns/process.ts";

/** The node's own address and its router's, both outside every pool of the tests. */
export const NODE_IP = "192.0.2.2";
export const ROUTER_IP = "192.0.2.1";

export type LocalNodeSetting = {
  namespace: NetworkNamespace;
  /** Where the default route leads. */
  uplink: NetworkNamespace;
  /** Of the test; all that the node keeps is in there. */
  folder: string;
  /** cni0 when absent. */
  bridge?: string;
  /** Of the uplink, in bytes; 1500 when absent. */
  mtu?: number;
};

export type LocalNode = {
  readonly namespace: NetworkNamespace;
  readonly folder: string;
  readonly bridge: string;
  readonly paths: BrokerPaths;
  /** Runs cocoon-net on the node and gives what it printed; throws unless its exit code is 0. */
  cocoonNet(...parameters: readonly string[]): Promise<string>;
  /** The same, whatever its exit code. */
  tryCocoonNet(...parameters: readonly string[]): Promise<Output>;
};

/** Joins the node to its uplink and puts the plugins where `install` would; nothing of ours runs yet. */
export async function prepareNode(setting: LocalNodeSetting): Promise<LocalNode> {
  const { namespace, uplink, folder, mtu = 1500 } = setting;
  await joinByVeth({ namespace, link: "eth0" }, { namespace: uplink, link: "router0" });
  for (const [end, link] of [
    [uplink, "router0"],
    [namespace, "eth0"],
  ] as const) {
    await end.exec(["ip", "link", "set", link, "mtu", String(mtu)]);
  }
  await uplink.exec(["ip", "addr", "add", `${ROUTER_IP}/24`, "dev", "router0"]);
  await namespace.exec(["ip", "addr", "add", `${NODE_IP}/24`, "dev", "eth0"]);
  await namespace.exec(["ip", "route", "add", "default", "via", ROUTER_IP]);
  const paths = brokerPaths(folder);
  for (const needed of [paths.plugins, paths.conflists, paths.state]) {
    await mkdir(needed, { recursive: true });
  }
  await symlink(COCOON_IPAM, join(paths.plugins, "cocoon-ipam"));
  await linkStockPlugins(paths.plugins);
  const bridge = setting.bridge ?? "cni0";
  const env = nodeEnvironment({ folder, bridge });
  return {
    namespace,
    folder,
    bridge,
    paths,
    cocoonNet: (...parameters) => namespace.exec([COCOON_NET, ...parameters], { env }),
    tryCocoonNet: (...parameters) => namespace.attempt([COCOON_NET, ...parameters], { env }),
  };
}
