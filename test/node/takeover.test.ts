// Which existing bridges may be taken over.

import { expect, it } from "vitest";
import { ip } from "#core/address.ts";
import { BRIDGE_ALIAS } from "#broker/node/desired.ts";
import type { NodeLink } from "#broker/node/ports.ts";
import { judgeBridge } from "#broker/node/takeover.ts";

const gateway = ip("10.9.0.1");
const address = (text: string, ours = false) => ({ ip: ip(text), length: 24, global: true, ours });
const bridge: NodeLink = {
  index: 5,
  name: "cni0",
  kind: "bridge",
  up: true,
  mtu: 1500,
  alias: "",
  isolated: false,
  addresses: [],
};
const port: NodeLink = { ...bridge, index: 6, name: "vetha", kind: "veth", master: 5 };

const cases: readonly [string, NodeLink, readonly NodeLink[], string][] = [
  ["empty, without ports", bridge, [], "adoptable"],
  ["empty, with a port", bridge, [port], "foreign"],
  [
    "our gateway alone, with a port",
    { ...bridge, addresses: [address("10.9.0.1")] },
    [port],
    "adoptable",
  ],
  [
    "our gateway and another address",
    { ...bridge, addresses: [address("10.9.0.1"), address("10.8.0.1")] },
    [],
    "foreign",
  ],
  ["another address", { ...bridge, addresses: [address("10.244.0.1")] }, [], "foreign"],
  ["not a bridge", { ...bridge, kind: "veth" }, [], "foreign"],
  ["our mark, with a port, without address", { ...bridge, alias: BRIDGE_ALIAS }, [port], "ours"],
  [
    "our mark and an address that we added",
    { ...bridge, alias: BRIDGE_ALIAS, addresses: [address("10.8.0.1", true)] },
    [],
    "ours",
  ],
  [
    "our mark and someone's address",
    { ...bridge, alias: BRIDGE_ALIAS, addresses: [address("10.8.0.1")] },
    [],
    "foreign",
  ],
  [
    "an IPv6 address of someone else beside none of ours",
    { ...bridge, addresses: [address("fd00::1")] },
    [],
    "foreign",
  ],
];

it.each(cases)("%s", (_name, link, ports, kind) => {
  expect(judgeBridge({ links: [link, ...ports], bridge: "cni0", gateway }).kind).toBe(kind);
});

it("no bridge of that name", () => {
  expect(judgeBridge({ links: [port], bridge: "cni0", gateway }).kind).toBe("absent");
});

it("a bridge that was taken over stays ours, one that replaced it does not", () => {
  const question = { links: [bridge, port], bridge: "cni0", gateway };
  expect(judgeBridge({ ...question, takenOver: 5 }).kind).toBe("ours");
  expect(judgeBridge({ ...question, takenOver: 4 }).kind).toBe("foreign");
});
