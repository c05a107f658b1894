// Which ports `--guest-isolation` isolates: taps, and those of guests; never another's, never twice.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { type NodeNetwork, desiredNode } from "#broker/node/desired.ts";
import { diffNode } from "#broker/node/diff.ts";
import type { NodeLink } from "#broker/node/ports.ts";

const network: NodeNetwork = {
  bridge: "cni0",
  gateway: ip("10.9.0.1"),
  subnet: { family: 4, base: 0x0a090000n, length: 24 },
  mtu: 1500,
  platform: "local",
  secondaryNics: [],
  masquerade: false,
  noMasqueradeCidrs: [],
  dropCidrs: [],
  dropInternalAccess: false,
  guestIsolation: true,
  manageIptables: false,
};
const link = (
  index: number,
  name: string,
  kind: string,
  more: Partial<NodeLink> = {},
): NodeLink => ({
  index,
  name,
  kind,
  up: true,
  mtu: 1500,
  alias: "",
  isolated: false,
  addresses: [],
  ...more,
});
const gateway = { ip: network.gateway, length: 24, global: true, ours: true };
const bridge = link(2, "cni0", "bridge", { alias: "cocoon-net", addresses: [gateway] });
const links = [
  bridge,
  link(3, "tap0", "tun", { master: 2 }),
  link(4, "tap1", "tun", { master: 2, isolated: true }),
  link(5, "guest", "veth", { master: 2 }),
  link(6, "container", "veth", { master: 2 }),
  link(7, "tap2", "tun", { master: 9 }),
  link(8, "elsewhere", "veth", { master: 9 }),
];

function isolated(setting: NodeNetwork, guestPorts: readonly number[]) {
  const observed = {
    links,
    bridge: { kind: "ours" as const, link: bridge },
    sysctl: (key: string) => (key.endsWith("proxy_delay") ? "80" : "0"),
    guestPorts: new Set(guestPorts),
  };
  const steps = diffNode(desiredNode(setting), observed);
  return {
    ports: steps.flatMap((step) => (step.step === "set-link" && step.isolated ? step.name : [])),
    sysctls: steps.flatMap((step) =>
      step.step === "set-sysctl" && step.key.includes("proxy") ? `${step.key}=${step.value}` : [],
    ),
  };
}

test("isolates our bridge's taps and guests' ports, and lets the bridge answer for them at once", () => {
  expect(isolated(network, [5, 8])).toEqual({
    ports: ["tap0", "guest"],
    sysctls: ["net/ipv4/conf/cni0/proxy_arp_pvlan=1", "net/ipv4/neigh/cni0/proxy_delay=0"],
  });
});

test("does nothing when it is not asked for", () => {
  const setting = { ...network, guestIsolation: false };
  expect(isolated(setting, [5])).toEqual({ ports: [], sysctls: [] });
});
