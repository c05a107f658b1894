// Facts of this machine that doctor judges: gathered, never changed.

import { constants, existsSync, readFileSync, readdirSync } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { containerChain } from "#conflist/conflist.ts";
import { type NetworkFile, listNetworks } from "#conflist/default-network.ts";
import { probePlugin } from "#conflist/probe.ts";
import { toBrokerError } from "#core/errors.ts";
import { linkNames } from "#provision/local-facts.ts";
import { type PoolFile, readPoolFile } from "#provision/pool-file.ts";
import type { ApiClient } from "#broker/api/client.ts";
import type { StatusAnswer } from "#broker/api/contract.ts";
import { type Config, searchPath } from "#broker/config.ts";

export interface MachineFacts {
  /** Effective capabilities as a bit mask (capabilities(7)). */
  readonly capabilities: bigint;
  readonly bridgeSupport: boolean;
  readonly ipForward: string | undefined;
  readonly iptables: boolean;
  readonly nft: boolean;
  /** IPv4 addresses of the bridge; undefined when there is no such link. */
  readonly bridgeAddresses: readonly string[] | undefined;
  readonly bridgePorts: readonly string[];
  /** Sockets bound to UDP port 67. */
  readonly dhcpListeners: number;
  readonly plugins: readonly {
    readonly plugin: string;
    readonly versions: readonly string[];
    readonly fault?: string;
  }[];
  readonly networks: readonly NetworkFile[];
  readonly runtimes: readonly string[];
  readonly state: { readonly writable: boolean; readonly freeBytes: number };
  readonly brokerState: "running" | "not-serving" | "stale" | "absent";
  /** Other DHCP servers that the broker heard; undefined where it could not be asked. */
  readonly rogueServers: StatusAnswer["rogueServers"];
  readonly now: number;
  readonly pool: PoolFile | undefined;
  readonly poolFault?: string;
  readonly addresses: readonly { readonly nic: string; readonly ip: string }[];
}

const runtimeSockets: readonly (readonly [name: string, path: string])[] = [
  ["containerd", "/run/containerd/containerd.sock"],
  ["CRI-O", "/run/crio/crio.sock"],
];

export async function gatherFacts(
  config: Config,
  client: ApiClient,
  now: number,
): Promise<MachineFacts> {
  const [plugins, networks, state, brokerState, rogueServers, pool] = await Promise.all([
    Promise.all(
      containerChain.map(async (plugin) => probe(plugin, join(config.cniBinDir, plugin))),
    ),
    listNetworks(config.cniConfDir),
    stateOf(config.stateDir),
    brokerStateOf(client, config.socket),
    rogueServersOf(client),
    poolOf(config.poolFile),
  ]);
  const addresses = Object.entries(networkInterfaces()).flatMap(([nic, found]) =>
    (found ?? [])
      .filter(({ family }) => family === "IPv4")
      .map(({ address }) => ({ nic, ip: address })),
  );
  const exists = linkNames(read("/proc/net/dev") ?? "").includes(config.bridge);
  return {
    capabilities: capabilitiesIn(read("/proc/self/status") ?? ""),
    bridgeSupport: existsSync("/sys/module/bridge"),
    ipForward: read("/proc/sys/net/ipv4/ip_forward")?.trim(),
    iptables: isInstalled("iptables-restore"),
    nft: isInstalled("nft"),
    bridgeAddresses: exists
      ? addresses.filter(({ nic }) => nic === config.bridge).map(({ ip }) => ip)
      : undefined,
    bridgePorts: list(`/sys/class/net/${config.bridge}/brif`),
    dhcpListeners: listenersOn(67, read("/proc/net/udp") ?? ""),
    plugins,
    networks,
    runtimes: runtimeSockets.filter(([, path]) => existsSync(path)).map(([name]) => name),
    state,
    brokerState,
    rogueServers,
    now,
    ...pool,
    addresses,
  };
}

/** The mask in the line CapEff of /proc/self/status. */
export function capabilitiesIn(status: string): bigint {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask === undefined ? 0n : BigInt(`0x${mask}`);
}

/** How many sockets of /proc/net/udp are bound to the port, on whatever address. */
export function listenersOn(port: number, table: string): number {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").filter((line) => line.trim().split(/\s+/)[1]?.split(":")[1] === wanted)
    .length;
}

async function probe(
  plugin: string,
  path: string,
): Promise<{ plugin: string; versions: readonly string[]; fault?: string }> {
  try {
    return { plugin, versions: await probePlugin(path) };
  } catch (thrown) {
    return { plugin, versions: [], fault: toBrokerError(thrown).message };
  }
}

async function poolOf(path: string): Promise<{ pool: PoolFile | undefined; poolFault?: string }> {
  try {
    return { pool: await readPoolFile(path) };
  } catch (thrown) {
    return { pool: undefined, poolFault: toBrokerError(thrown).message };
  }
}

/** Of a folder that is yet to be made, the nearest one above counts. */
async function stateOf(folder: string): Promise<MachineFacts["state"]> {
  let nearest = folder;
  while (!existsSync(nearest) && nearest !== dirname(nearest)) nearest = dirname(nearest);
  const writable = await access(nearest, constants.W_OK).then(
    () => true,
    () => false,
  );
  const { bavail, bsize } = await statfs(nearest);
  return { writable, freeBytes: bavail * bsize };
}

const isInstalled = (program: string): boolean =>
  [...searchPath(), "/usr/sbin", "/sbin"].some((folder) => existsSync(join(folder, program)));

async function rogueServersOf(client: ApiClient): Promise<StatusAnswer["rogueServers"]> {
  try {
    return (await client.status()).rogueServers;
  } catch {
    // Another finding says that the broker does not answer, and why.
    return undefined;
  }
}

async function brokerStateOf(
  client: ApiClient,
  socket: string,
): Promise<MachineFacts["brokerState"]> {
  try {
    return (await client.ready()).ok ? "running" : "not-serving";
  } catch (thrown) {
    const error = toBrokerError(thrown);
    if (error.code !== "not-ready") throw error;
    return existsSync(socket) ? "stale" : "absent";
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // What cannot be read is a fact as well; the diagnosis words it.
    return undefined;
  }
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not a bridge, or none at all: no ports.
    return [];
  }
}
