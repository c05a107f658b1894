// A node of a fake cloud: a namespace whose commands see system folders of their own, so that the machine's stay as they are.
import { existsSync } from "node:fs";
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
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import type { Output, RunOptions, Running } from "#test/netns/process.ts";

/** Folders below /etc to which provisioning writes for other programs. */
const SYSTEM_FOLDERS = ["default", "systemd", "NetworkManager"];

export type CloudNode = {
  /** Its commands see the node's own system folders. */
  readonly namespace: NetworkNamespace;
  readonly folder: string;
  readonly bridge: string;
  readonly paths: BrokerPaths;
  readonly env: Record<string, string>;
  /** A path below /etc as the node sees it, from outside. */
  etc(path: string): string;
  /** Runs cocoon-net on the node and gives what it printed; throws unless its exit code is 0. */
  cocoonNet(...parameters: readonly string[]): Promise<string>;
  /** The same, whatever its exit code. */
  tryCocoonNet(...parameters: readonly string[]): Promise<Output>;
  /** The same with other variables; an empty one counts as absent. */
  tryWith(env: Record<string, string>, ...parameters: readonly string[]): Promise<Output>;
  /** Starts it; the process can be killed by the pid that is told. */
  startCocoonNet(...parameters: readonly string[]): Running;
};

export type CloudNodeSetting = {
  namespace: NetworkNamespace;
  folder: string;
  /** Endpoints and credentials of the cloud. */
  env: Record<string, string>;
};

/** Makes the node's folders; its links are the caller's. */
export async function makeCloudNode(setting: CloudNodeSetting): Promise<CloudNode> {
  const { folder } = setting;
  const paths = brokerPaths(folder);
  const etc = (path: string): string => join(folder, "etc", path);
  const ownFolders = [...SYSTEM_FOLDERS.map(etc), etc("systemd/network"), etc("systemd/system")];
  for (const needed of [paths.plugins, paths.conflists, join(folder, "home"), ...ownFolders])
    await mkdir(needed, { recursive: true });
  await symlink(COCOON_IPAM, join(paths.plugins, "cocoon-ipam"));
  await linkStockPlugins(paths.plugins);
  const env = {
    ...nodeEnvironment({ folder }),
    HOME: join(folder, "home"),
    COCOON_NET_NODE_NAME: "node-1",
    ...setting.env,
  };
  const namespace = withOwnFolders(setting.namespace, etc);
  const command = (parameters: readonly string[]) => [COCOON_NET, ...parameters];
  return {
    namespace,
    folder,
    bridge: "cni0",
    paths,
    env,
    etc,
    cocoonNet: (...parameters) => namespace.exec(command(parameters), { env }),
    tryCocoonNet: (...parameters) => namespace.attempt(command(parameters), { env }),
    tryWith: (other, ...parameters) =>
      namespace.attempt(command(parameters), { env: { ...env, ...other } }),
    startCocoonNet: (...parameters) => namespace.spawn(command(parameters), { env }),
  };
}

/** `ip netns exec` gives each command a mount namespace: what is mounted before it starts is its own. */
function withOwnFolders(
  namespace: NetworkNamespace,
  etc: (path: string) => string,
): NetworkNamespace {
  const mounts = SYSTEM_FOLDERS.filter((name) => existsSync(join("/etc", name))).map(
    (name) => `mount --bind ${etc(name)} /etc/${name}`,
  );
  const script = [...mounts, 'exec "$@"'].join(" && ");
  const wrapped = (argv: readonly string[]) => ["sh", "-c", script, "sh", ...argv];
  return {
    ...namespace,
    exec: (argv, options?: RunOptions) => namespace.exec(wrapped(argv), options),
    attempt: (argv, options) => namespace.attempt(wrapped(argv), options),
    spawn: (argv, options) => namespace.spawn(wrapped(argv), options),
  };
}
