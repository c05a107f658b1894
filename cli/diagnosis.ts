// What would stop cocoon-net on this machine, judged from facts alone: each finding with its remedy.

import { containsIp, parsePrefix, prefixSize } from "#core/prefix.ts";
import { parseIp } from "#core/address.ts";
import type { Config } from "#broker/config.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";
import { otherServers, sourceCheck } from "./guest-diagnosis.ts";
import type { MachineFacts } from "./machine.ts";

/** Bits of capabilities(7): CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW. */
const NEEDED_CAPABILITIES: readonly (readonly [bit: bigint, name: string])[] = [
  [10n, "NET_BIND_SERVICE"],
  [12n, "NET_ADMIN"],
  [13n, "NET_RAW"],
];
/** The ledger of 65,536 leases takes 40 MiB; room for a copy of it. */
export const LEAST_FREE_BYTES = 100 * 1024 * 1024;
/** A clock before this was never set: 2025-01-01. */
const EARLIEST = Date.UTC(2025, 0, 1);
/** Larger whole-subnet pools leave `ips` out of pool.json, which the Go version needs. */
const GO_LIMIT = 4_096n;

type DoctorConfig = Pick<
  Config,
  "stateDir" | "socket" | "bridge" | "cniConfDir" | "cniBinDir" | "poolFile" | "guestMacCheck"
>;
type Check = (facts: MachineFacts, config: DoctorConfig) => Finding;

export const diagnose = (facts: MachineFacts, config: DoctorConfig): readonly Finding[] =>
  checks.map((check) => check(facts, config));

function privileges({ capabilities }: MachineFacts): Finding {
  const missing = NEEDED_CAPABILITIES.filter(([bit]) => ((capabilities >> bit) & 1n) === 0n).map(
    ([, name]) => name,
  );
  return missing.length === 0
    ? ok("privileges", "network administration is allowed")
    : problem(
        "privileges",
        `this process lacks ${missing.join(", ")}`,
        "run as root, or under the shipped systemd unit",
      );
}

function bridgeModule({ bridgeSupport }: MachineFacts): Finding {
  return bridgeSupport
    ? ok("kernel", "bridges are supported")
    : warning(
        "kernel",
        "the bridge module is not loaded",
        "modprobe bridge (and add it to /etc/modules-load.d)",
      );
}

function forwarding({ ipForward }: MachineFacts): Finding {
  if (ipForward === "1") return ok("forwarding", "net.ipv4.ip_forward is 1");
  return warning(
    "forwarding",
    `net.ipv4.ip_forward is ${ipForward ?? "unreadable"}`,
    "the broker sets it; where /proc/sys is read-only: sysctl -w net.ipv4.ip_forward=1",
  );
}

function firewall({ iptables }: MachineFacts): Finding {
  return iptables
    ? ok("firewall", "iptables is installed")
    : problem(
        "firewall",
        "iptables is not installed",
        "apt-get install iptables, or run the daemon with --skip-iptables",
      );
}

function bridge(
  { bridgeAddresses, bridgePorts, pool }: MachineFacts,
  config: DoctorConfig,
): Finding {
  const name = `bridge ${config.bridge}`;
  if (bridgeAddresses === undefined) return ok(name, "does not exist yet; the broker makes it");
  const foreign = bridgeAddresses.filter((address) => address !== pool?.gateway);
  const free = bridgeAddresses.length === 0 && bridgePorts.length === 0;
  if (free || (bridgeAddresses.length === 1 && foreign.length === 0))
    return ok(name, "is ours or free to take");
  return problem(
    name,
    `belongs to somebody else: addresses ${bridgeAddresses.join(" ") || "none"}, ports ${bridgePorts.join(" ") || "none"}`,
    "choose another name with --bridge",
  );
}

function dhcpPort({ dhcpListeners, brokerState }: MachineFacts): Finding {
  if (dhcpListeners === 0 || brokerState === "running")
    return ok("dhcp port", "no other DHCP server in the way");
  return problem(
    "dhcp port",
    "another program listens on UDP port 67",
    "find it with `ss -lunp sport = :67` and stop it, or bind it to its own interfaces",
  );
}

function plugins({ plugins: found }: MachineFacts, config: DoctorConfig): Finding {
  const missing = found.filter(({ versions }) => versions.length === 0);
  if (missing.length === 0)
    return ok(
      "cni plugins",
      found.map(({ plugin, versions }) => `${plugin} up to ${versions.at(-1) ?? ""}`).join(", "),
    );
  return problem(
    "cni plugins",
    `${missing.map(({ plugin, fault }) => `${plugin}: ${fault ?? "no versions"}`).join("; ")}`,
    `install containernetworking-plugins and run cocoon-net install, or name the folder with --cni-bin-dir (now ${config.cniBinDir})`,
  );
}

function defaultNetwork({ networks }: MachineFacts, config: DoctorConfig): Finding {
  const first = networks.find(({ network }) => network !== undefined);
  if (first === undefined)
    return warning(
      "default network",
      `no CNI configuration in ${config.cniConfDir}`,
      "run cocoon-net adopt and start the daemon, which writes them",
    );
  if (first.network === "cocoon-net" || first.network === "cocoon-dhcp")
    return ok("default network", `${first.network} (${first.fileName})`);
  return warning(
    "default network",
    `containers use ${first.network} (${first.fileName}), not ours`,
    "name our network in the pod, or remove that file once nothing uses it",
  );
}

function runtime({ runtimes }: MachineFacts): Finding {
  return runtimes.length > 0
    ? ok("container runtime", runtimes.join(", "))
    : warning(
        "container runtime",
        "neither containerd's nor CRI-O's socket is there",
        "start the runtime, if containers shall run on this node",
      );
}

function stateFolder({ state }: MachineFacts, config: DoctorConfig): Finding {
  if (!state.writable)
    return problem(
      "state folder",
      `${config.stateDir} cannot be written`,
      "run as root, remount it read-write, or choose another with --state-dir",
    );
  if (state.freeBytes < LEAST_FREE_BYTES)
    return problem(
      "state folder",
      `${config.stateDir} has ${Math.floor(state.freeBytes / 1_048_576)} MiB free`,
      `make room: at least ${LEAST_FREE_BYTES / 1_048_576} MiB`,
    );
  return ok(
    "state folder",
    `${config.stateDir}, ${Math.floor(state.freeBytes / 1_048_576)} MiB free`,
  );
}

function broker({ brokerState }: MachineFacts, config: DoctorConfig): Finding {
  switch (brokerState) {
    case "running":
      return ok("broker", `serves on ${config.socket}`);
    case "not-serving":
      return warning(
        "broker",
        `runs on ${config.socket} but does not serve`,
        "cocoon-net status says why",
      );
    case "stale":
      return warning(
        "broker",
        `${config.socket} is left from a broker that died`,
        "start the broker; it replaces the file",
      );
    case "absent":
      return warning("broker", "is not running", "systemctl start cocoon-net");
    default:
      return brokerState satisfies never;
  }
}

function clock({ now, pool }: MachineFacts): Finding {
  if (now < EARLIEST)
    return problem(
      "clock",
      `the date is ${new Date(now).toISOString()}`,
      "set the clock; lease times depend on it",
    );
  const written = pool === undefined ? Number.NaN : Date.parse(pool.updatedAt);
  // A minute of slack: the file may have been written on a machine whose clock is a little ahead.
  if (written > now + 60_000)
    return warning("clock", "pool.json was written in the future", "check the clock (timedatectl)");
  return ok("clock", "plausible");
}

function poolFile({ pool, poolFault, addresses }: MachineFacts, config: DoctorConfig): Finding {
  if (poolFault !== undefined)
    return problem("pool", poolFault, "correct the file, or write it anew with cocoon-net adopt");
  if (pool === undefined)
    return problem(
      "pool",
      `${config.poolFile} does not exist`,
      "cocoon-net adopt --platform local --subnet <cidr>",
    );
  const subnet = parsePrefix(pool.subnet);
  if (subnet === undefined || !containsIp(subnet, pool.gateway))
    return problem(
      "pool",
      `the gateway ${pool.gateway} is not in ${pool.subnet}`,
      "write it anew with cocoon-net adopt",
    );
  const outside = (pool.ips ?? []).find((ip) => !containsIp(subnet, ip));
  if (outside !== undefined)
    return problem(
      "pool",
      `${outside} is not in the subnet ${pool.subnet}`,
      "write it anew with init or adopt and the right --subnet",
    );
  const clash = addresses.find(
    ({ nic, ip }) => nic !== config.bridge && containsText(pool.subnet, ip),
  );
  if (clash !== undefined)
    return problem(
      "pool",
      `${pool.subnet} holds ${clash.ip}, which is in use on ${clash.nic}`,
      "adopt with another --subnet",
    );
  if (pool.platform === "local" && pool.ips === undefined && prefixSize(subnet) > GO_LIMIT)
    return warning(
      "pool",
      `${pool.subnet} has more than ${GO_LIMIT} addresses and pool.json does not list them`,
      "fine here; the Go version cannot use this file",
    );
  return ok("pool", `${pool.subnet}, gateway ${pool.gateway}`);
}

function containsText(subnet: string, address: string): boolean {
  const [prefix, ip] = [parsePrefix(subnet), parseIp(address)];
  return prefix !== undefined && ip !== undefined && containsIp(prefix, ip);
}

const checks: readonly Check[] = [
  privileges,
  bridgeModule,
  forwarding,
  firewall,
  sourceCheck,
  otherServers,
  bridge,
  dhcpPort,
  plugins,
  defaultNetwork,
  runtime,
  stateFolder,
  broker,
  clock,
  poolFile,
];
