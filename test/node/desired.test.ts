// The rules and settings that follow from a node's network, for each shape of node.

import { expect, it } from "vitest";
import { ip } from "#core/address.ts";
import { type NodeNetwork, desiredNode } from "#broker/node/desired.ts";
import { parsePrefix } from "#core/prefix.ts";

const prefix = (text: string) => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`);
  return parsed;
};
const local: NodeNetwork = {
  bridge: "cni0",
  gateway: ip("10.9.0.1"),
  subnet: prefix("10.9.0.0/24"),
  mtu: 1500,
  platform: "local",
  primaryNic: "eth0",
  secondaryNics: [],
  masquerade: true,
  noMasqueradeCidrs: [prefix("10.0.0.0/8")],
  dropCidrs: [prefix("192.0.2.0/24")],
  dropInternalAccess: true,
  guestIsolation: false,
  manageIptables: true,
};
const rules = (network: NodeNetwork) => desiredNode(network).chains.map((chain) => chain.rules);

it("one NIC carries both ways; drops come first", () => {
  expect(rules(local)).toEqual([
    [
      "-d 192.0.2.0/24 -i cni0 -j DROP",
      "-d 10.9.0.0/24 -i cni0 -j DROP",
      "-i cni0 -o cni0 -j ACCEPT",
      "-i eth0 -o cni0 -j ACCEPT",
      "-i cni0 -o eth0 -j ACCEPT",
    ],
    ["-s 10.9.0.0/24 -d 10.0.0.0/8 -j RETURN", "-s 10.9.0.0/24 ! -o cni0 -j MASQUERADE"],
  ]);
});

it("secondary NICs carry the VPC unmasked; through the primary one only answers come in", () => {
  const network = {
    ...local,
    secondaryNics: ["eth1"],
    dropCidrs: [],
    dropInternalAccess: false,
    noMasqueradeCidrs: [],
  };
  expect(rules(network)).toEqual([
    [
      "-i eth1 -o cni0 -j ACCEPT",
      "-i cni0 -o eth1 -j ACCEPT",
      "-i cni0 -o cni0 -j ACCEPT",
      "-i cni0 -o eth0 -j ACCEPT",
      "-i eth0 -o cni0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ],
    ["-s 10.9.0.0/24 -o eth1 -j RETURN", "-s 10.9.0.0/24 ! -o cni0 -j MASQUERADE"],
  ]);
});

it("no chains for an IPv6 subnet, nor where iptables are another's to manage", () => {
  expect(rules({ ...local, manageIptables: false })).toEqual([]);
  expect(rules({ ...local, subnet: prefix("fd00::/64"), gateway: ip("fd00::1") })).toEqual([]);
});

it("Volcengine 9: rp_filter is off on all, default, the bridge and every NIC of ours", () => {
  const keys = desiredNode({ ...local, secondaryNics: ["eth1"] }).sysctls.map(
    (sysctl) => sysctl.key,
  );
  for (const name of ["all", "default", "cni0", "eth0", "eth1"]) {
    expect(keys).toContain(`net/ipv4/conf/${name}/rp_filter`);
  }
});
