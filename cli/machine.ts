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
import { type DhcpListener, dhcpListeners } from "./dhcp-listeners.ts";
import { type UplinkFacts, gatherUplinks } from "./uplink-facts.ts";

export interface MachineFacts {
  /** Effective capabilities as a bit mask (capabilities(7)). */
  readonly capabilities: bigint;
  readonly bridgeSupport: boolean;
  readonly ipForward: string | undefined;
  readonly iptables: boolean;
  readonly nft: boolean;
  /** IPv4 addresses of the bridge as 10.88.100.1/24; undefined when there is no such link. */
  readonly bridgeAddresses: readonly string[] | undefined;
  readonly bridgePorts: readonly string[];
  /** Who is bound to UDP port 67. */
  readonly dhcpListeners: readonly DhcpListener[];
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
  readonly brokerProcess: number | undefined;
  /** The node's pool as the broker has it; undefined where it could not be asked. */
  readonly served: { readonly subnet: string; readonly gateway: string | undefined } | undefined;
  readonly uplinks: UplinkFacts;
  readonly now: number;
  readonly pool: PoolFile | undefined;
  readonly poolFault?: string;
  readonly addresses: readonly { readonly nic: string; readonly ip: string }[];
}

/** What is judged beside the facts. */
export type DoctorConfig = Pick<
  Config,
  "stateDir" | "socket" | "bridge" | "cniConfDir" | "cniBinDir" | "poolFile" | "guestMacCheck"
>;

const runtimeSockets: readonly (readonly [name: string, path: string])[] = [
  ["containerd", "/run/containerd/containerd.sock"],
  ["CRI-O", "/run/crio/crio.sock"],
];

export async function gatherFacts(
  config: Config,
  client: ApiClient,
  now: number,
): Promise<MachineFacts> {
  const [plugins, networks, state, brokerState, told, pool, listeners] = await Promise.all([
    Promise.all(
      containerChain.map(async (plugin) => probe(plugin, join(config.cniBinDir, plugin))),
    ),
    listNetworks(config.cniConfDir),
    stateOf(config.stateDir),
    brokerStateOf(client, config.socket),
    toldBy(client),
    poolOf(config.poolFile),
    dhcpListeners(),
  ]);
  const addresses = Object.entries(networkInterfaces()).flatMap(([nic, found]) =>
    (found ?? [])
      .filter(({ family }) => family === "IPv4")
      .map(({ address, cidr }) => ({ nic, ip: address, cidr: cidr ?? address })),
  );
  const exists = linkNames(read("/proc/net/dev") ?? "").includes(config.bridge);
  return {
    capabilities: capabilitiesIn(read("/proc/self/status") ?? ""),
    bridgeSupport: existsSync("/sys/module/bridge"),
    ipForward: read("/proc/sys/net/ipv4/ip_forward")?.trim(),
    iptables: isInstalled("iptables-restore"),
    nft: isInstalled("nft"),
    bridgeAddresses: exists
      ? addresses.filter(({ nic }) => nic === config.bridge).map(({ cidr }) => cidr)
      : undefined,
    bridgePorts: list(`/sys/class/net/${config.bridge}/brif`),
    dhcpListeners: listeners,
    plugins,
    networks,
    runtimes: runtimeSockets.filter(([, path]) => existsSync(path)).map(([name]) => name),
    state,
    brokerState,
    ...told,
    uplinks: await gatherUplinks(pool.pool),
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

async function toldBy(
  client: ApiClient,
): Promise<Pick<MachineFacts, "rogueServers" | "brokerProcess" | "served">> {
  try {
    const { rogueServers, processId, pool } = await client.status();
    return {
      rogueServers,
      brokerProcess: processId,
      served: { subnet: pool.subnet, gateway: pool.gateway },
    };
  } catch {
    // Another finding says that the broker does not answer, and why.
    return { rogueServers: undefined, brokerProcess: undefined, served: undefined };
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
