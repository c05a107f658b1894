// A machine on which nothing is wrong, and the settings that doctor judges it by.

import type { DoctorConfig, MachineFacts } from "#cli/machine.ts";
import { PROVISIONING_KEY } from "#provision/journal.ts";
import { type PoolFile, parsePoolFile } from "#provision/pool-file.ts";
import type { Finding } from "#cli/finding.ts";

export const pool = parsePoolFile(
  JSON.stringify({
    platform: "local",
    subnet: "10.88.100.0/24",
    gateway: "10.88.100.1",
    ips: ["10.88.100.2"],
    updatedAt: "2026-11-21T04:00:00Z",
  }),
  "pool.json",
);
export const config: DoctorConfig = {
  stateDir: "/var/lib/cocoon/net",
  socket: "/run/b.sock",
  bridge: "cni0",
  cniConfDir: "/etc/cni/net.d",
  cniBinDir: "/opt/cni/bin",
  poolFile: "/var/lib/cocoon/net/pool.json",
  guestMacCheck: false,
};
export const sound: MachineFacts = {
  capabilities: (1n << 41n) - 1n,
  bridgeSupport: true,
  ipForward: "1",
  iptables: true,
  nft: true,
  bridgeAddresses: ["10.88.100.1/24"],
  bridgePorts: ["veth1"],
  dhcpListeners: [{ program: "node", process: 4242, device: "cni0" }],
  plugins: [
    { plugin: "bridge", versions: ["0.4.0", "1.0.0"] },
    { plugin: "cocoon-ipam", versions: ["1.0.0", "1.1.0"] },
  ],
  networks: [{ fileName: "29-cocoon-net.conflist", network: "cocoon-net" }],
  runtimes: ["containerd"],
  state: { writable: true, freeBytes: 1e9 },
  brokerState: "running",
  rogueServers: [],
  brokerProcess: 4242,
  served: { subnet: "10.88.100.0/24", gateway: "10.88.100.1" },
  uplinks: { secondary: [], agentRoutes: [], agent: undefined },
  now: Date.UTC(2026, 10, 21, 5),
  pool,
  addresses: [
    { nic: "eth0", ip: "192.0.2.5" },
    { nic: "cni0", ip: "10.88.100.1" },
  ],
};

/** A pool of a cloud whose provisioning is in that state. */
export const poolOf = (platform: PoolFile["platform"], state: string): PoolFile =>
  parsePoolFile(
    JSON.stringify({
      platform,
      subnet: "172.20.100.0/24",
      gateway: "172.20.100.1",
      ips: ["172.20.100.2"],
      [PROVISIONING_KEY]: {
        version: 1,
        state,
        generation: "g",
        node: {},
        vpcCIDRs: ["172.20.0.0/16"],
        degraded: state === "degraded" ? ["20 of 140 addresses"] : [],
      },
    }),
    "pool.json",
  );

/** What is not as it should be. */
export const judge = (found: Finding | readonly Finding[]): readonly Finding[] =>
  [found].flat().filter(({ state }) => state !== "ok");
