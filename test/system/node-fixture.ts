// A node in a fresh namespace with the real adapters, and its whole network state as text.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ip } from "#core/address.ts";
import { type Prefix, parsePrefix } from "#core/prefix.ts";
import type { RouteTable } from "#core/ports.ts";
import { openFirewall } from "#broker/linux/firewall.ts";
import { openLinks } from "#broker/linux/links.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { openTables } from "#broker/linux/nftables.ts";
import { openNodeMemory } from "#broker/linux/node-memory.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { sysctls } from "#broker/linux/sysctl.ts";
import { openWatch } from "#broker/linux/watch.ts";
import type { NodeReport } from "#broker/node/apply.ts";
import type { NodeNetwork } from "#broker/node/desired.ts";
import { type NodeKeeper, createNodeKeeper } from "#broker/node/keeper.ts";
import type { NodePorts } from "#broker/node/ports.ts";
import { enterFreshNamespace, run } from "./fresh-namespace.ts";

export const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`);
  return parsed;
};

export const network: NodeNetwork = {
  bridge: "cni0",
  gateway: ip("10.9.0.1"),
  subnet: prefix("10.9.0.0/24"),
  mtu: 1_460,
  platform: "local",
  primaryNic: "uplink",
  secondaryNics: [],
  masquerade: true,
  noMasqueradeCidrs: [prefix("10.0.0.0/8")],
  dropCidrs: [prefix("192.0.2.0/24")],
  dropInternalAccess: false,
  guestIsolation: false,
  manageIptables: true,
};

export interface TestNode extends AsyncDisposable {
  readonly ports: NodePorts;
  readonly routes: RouteTable;
  readonly reports: readonly NodeReport[];
  /** The keeper as a running task, woken by the real watch; stopped with the node. */
  keep(setting?: NodeNetwork): NodeKeeper;
}

/** `uplink` stands for the primary NIC. */
export function openNode(): TestNode {
  enterFreshNamespace();
  run("ip link add uplink type veth peer name outside");
  run("ip link set uplink up");
  run("ip link set outside up");
  return openNodeHere();
}

/** A node on what this namespace already holds. */
export function openNodeHere(): TestNode {
  const folder = mkdtempSync(join(tmpdir(), "cocoon-net-node-"));
  const netlink = openNetlink();
  const stop = new AbortController();
  const tasks: Promise<void>[] = [];
  const watches: Disposable[] = [];
  const reports: NodeReport[] = [];
  const trouble = (error: Error): void => {
    throw error;
  };
  const ports: NodePorts = {
    links: openLinks(netlink),
    sysctls,
    firewall: openFirewall(),
    tables: openTables(),
    memory: openNodeMemory(join(folder, "node.json"), "boot"),
  };
  return {
    ports,
    routes: openRouteTable({ netlink, bridge: "cni0" }),
    reports,
    keep(setting = network) {
      const keeper = createNodeKeeper({
        network: () => Promise.resolve(setting),
        ports,
        now: Date.now,
        onReport: (report) => void reports.push(report),
        onFight: () => {},
        trouble,
      });
      watches.push(openWatch({ ownPort: netlink.port, onChange: () => keeper.changed(), trouble }));
      tasks.push(keeper.run(stop.signal));
      return keeper;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(tasks);
      for (const watch of watches) watch[Symbol.dispose]();
      await netlink[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

const SYSCTLS = [
  "ip_forward",
  "conf.all.rp_filter",
  "conf.default.rp_filter",
  "conf.uplink.rp_filter",
];

/** Links, addresses, routes, neighbours, rules of both backends and the settings that the node changes. */
export function snapshot(): Readonly<Record<string, string>> {
  return {
    links: withoutCarrier(withoutTimers(run("ip -d link"))),
    addresses: withoutLinkLocal(withoutCarrier(withoutLifetimes(run("ip address")))),
    routes: withoutLinkLocal(run("ip route show table all")),
    neighbours: run("ip neigh"),
    nft: run("nft list ruleset").replaceAll(/packets \d+ bytes \d+/g, ""),
    nftRules: rulesOf("nft"),
    legacyRules: rulesOf("legacy"),
    sysctls: SYSCTLS.map((key) => run(`sysctl -n net.ipv4.${key}`)).join(""),
  };
}

/** Chains, policies and rules, without comments and counters. */
export const rulesOf = (backend: "nft" | "legacy"): string =>
  run(`iptables-${backend}-save`)
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/ \[.*\]$/, ""))
    .join("\n");

const withoutTimers = (text: string): string => text.replaceAll(/_timer +[0-9.]+/g, "");
const withoutLifetimes = (text: string): string => text.replaceAll(/valid_lft.*/g, "");
/** The kernel notes a carrier, and makes and checks link-local addresses, some time after a link is up. */
const withoutCarrier = (text: string): string =>
  text.replaceAll(/,LOWER_UP|NO-CARRIER,| state [A-Z]+/g, "");
const withoutLinkLocal = (text: string): string =>
  text
    .split("\n")
    .filter((line) => !/fe80:|ff00::/.test(line) && line.trim() !== "")
    .join("\n");
