// What would stop cocoon-net on this machine, judged from facts alone: each finding with its remedy.

import { type Finding, ok, problem, warning } from "./finding.ts";
import { broker, dhcpPort, otherServers, sourceCheck } from "./guest-diagnosis.ts";
import type { DoctorConfig, MachineFacts } from "./machine.ts";
import { bridge, poolFile, provisioning, served } from "./pool-diagnosis.ts";
import { guestAgent, secondaryNics } from "./uplink-diagnosis.ts";

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

type Check = (facts: MachineFacts, config: DoctorConfig) => Finding | readonly Finding[];

export const diagnose = (facts: MachineFacts, config: DoctorConfig): readonly Finding[] =>
  checks.flatMap((check) => check(facts, config));

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
  provisioning,
  served,
  secondaryNics,
  guestAgent,
];
