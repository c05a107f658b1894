// A container runtime's part in CNI: runs a network's plugins for a namespace, with what their capabilities ask for.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CONTAINER_CONFLIST, GUEST_CONFLIST } from "#test/e2e/node.ts";
import type { LocalNode } from "#test/netns/local-node.ts";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import type { Output } from "#test/netns/process.ts";

type PluginConf = { type: string; capabilities?: Record<string, boolean>; [key: string]: unknown };
type NetworkConf = { cniVersion: string; name: string; plugins: PluginConf[] };

export type Pod = {
  readonly id: string;
  readonly namespace: NetworkNamespace;
  /** The file of its network; the containers' one when absent. */
  readonly conflist?: typeof CONTAINER_CONFLIST | typeof GUEST_CONFLIST;
  /** Given to plugins that declare the capability of that name. */
  readonly runtimeConfig?: Record<string, unknown>;
};

export type CniResult = {
  ips: { address: string; gateway?: string }[];
  interfaces: { name: string; mac: string; sandbox?: string }[];
};

/** Calls the network's one plugin for the pod's eth0, in the node's namespace; whatever its exit code. */
export async function callNetwork(
  node: LocalNode,
  command: "ADD" | "DEL" | "CHECK",
  pod: Pod,
  prevResult?: object,
): Promise<Output> {
  const network = await readNetwork(node, pod.conflist);
  const [plugin, ...more] = network.plugins;
  if (plugin === undefined || more.length > 0) {
    throw new Error(`the network ${network.name} does not have exactly one plugin`);
  }
  const { capabilities = {}, ...conf } = plugin;
  const asked = Object.entries(pod.runtimeConfig ?? {}).filter(([name]) => capabilities[name]);
  const input = JSON.stringify({
    ...conf,
    cniVersion: network.cniVersion,
    name: network.name,
    ...(asked.length === 0 ? {} : { runtimeConfig: Object.fromEntries(asked) }),
    ...(prevResult === undefined ? {} : { prevResult }),
  });
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: pod.id,
    CNI_NETNS: pod.namespace.path,
    CNI_IFNAME: "eth0",
    CNI_PATH: node.paths.plugins,
  };
  return node.namespace.attempt([join(node.paths.plugins, plugin.type)], { env, input });
}

/** ADD that must succeed. */
export async function addPod(node: LocalNode, pod: Pod): Promise<CniResult> {
  const output = await callNetwork(node, "ADD", pod);
  if (output.code !== 0) {
    throw new Error(`ADD of ${pod.id} failed: ${output.stdout}${output.stderr}`);
  }
  return JSON.parse(output.stdout) as CniResult;
}

/** The one IPv4 address of a result, without prefix length. */
export function addressOf(result: CniResult): string {
  const [first, ...more] = result.ips;
  const ip = first?.address.split("/")[0];
  if (ip === undefined || more.length > 0) {
    throw new Error(`not exactly one address: ${JSON.stringify(result.ips)}`);
  }
  return ip;
}

export async function readNetwork(
  node: LocalNode,
  conflist: string = CONTAINER_CONFLIST,
): Promise<NetworkConf> {
  const text = await readFile(join(node.paths.conflists, conflist), "utf8");
  return JSON.parse(text) as NetworkConf;
}
