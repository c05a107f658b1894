// doctor's judgements: a sound machine, and each thing that can be wrong with its remedy.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { diagnose } from "#cli/diagnosis.ts";
import { listenersOn } from "#cli/dhcp-listeners.ts";
import { type MachineFacts, capabilitiesIn } from "#cli/machine.ts";
import { config, pool, sound } from "./sound-machine.ts";

const wrong = (change: Partial<MachineFacts>) =>
  diagnose({ ...sound, ...change }, config).filter(({ state }) => state !== "ok");

test("a sound machine has no finding", () => {
  expect(wrong({})).toEqual([]);
});

test("nft is needed by whoever asks for the MAC check, and by nobody else", () => {
  const without = { ...sound, nft: false };
  const judged = (guestMacCheck: boolean) =>
    diagnose(without, { ...config, guestMacCheck }).filter(({ state }) => state !== "ok");
  expect(judged(false)).toEqual([]);
  expect(judged(true)).toMatchObject([
    { check: "guest mac check", state: "problem", remedy: expect.stringContaining("nftables") },
  ]);
});

test.each<[string, Partial<MachineFacts>, string, string]>([
  ["privileges", { capabilities: 1n << 10n }, "problem", "NET_ADMIN, NET_RAW"],
  ["kernel", { bridgeSupport: false }, "warning", "bridge module"],
  ["forwarding", { ipForward: "0" }, "warning", "is 0"],
  ["firewall", { iptables: false }, "problem", "not installed"],
  [
    "other dhcp servers",
    { rogueServers: [{ mac: "02:00:00:00:00:09", server: "10.88.100.9", port: "veth9" }] },
    "warning",
    "10.88.100.9 (02:00:00:00:00:09, port veth9)",
  ],
  ["bridge cni0", { bridgeAddresses: ["10.244.0.1/24"] }, "problem", "10.244.0.1"],
  [
    "bridge cni0",
    { bridgeAddresses: ["10.88.100.1/24", "10.244.0.1/24"] },
    "problem",
    "10.244.0.1",
  ],
  ["bridge cni0", { bridgeAddresses: [], bridgePorts: ["veth9"] }, "problem", "veth9"],
  ["dhcp port", { brokerState: "absent" }, "problem", "node (process 4242) listens"],
  [
    "cni plugins",
    { plugins: [{ plugin: "bridge", versions: [], fault: "it is not there" }] },
    "problem",
    "it is not there",
  ],
  [
    "default network",
    { networks: [{ fileName: "10-flannel.conflist", network: "flannel" }] },
    "warning",
    "flannel",
  ],
  ["default network", { networks: [] }, "warning", "/etc/cni/net.d"],
  ["container runtime", { runtimes: [] }, "warning", "neither"],
  ["state folder", { state: { writable: false, freeBytes: 1e9 } }, "problem", "cannot be written"],
  ["state folder", { state: { writable: true, freeBytes: 1e6 } }, "problem", "0 MiB free"],
  ["broker", { brokerState: "stale" }, "warning", "died"],
  ["broker", { brokerState: "not-serving" }, "warning", "does not serve"],
  ["clock", { now: 0 }, "problem", "1970"],
  ["clock", { now: Date.UTC(2026, 9, 1) }, "warning", "future"],
  ["pool", { pool: undefined }, "problem", "does not exist"],
  ["pool", { pool: undefined, poolFault: "pool.json is broken" }, "problem", "pool.json is broken"],
  [
    "pool",
    { pool: { ...pool, subnet: "10.99.0.0/24" } },
    "problem",
    "10.88.100.1 is not in 10.99.0.0/24",
  ],
  ["pool", { pool: { ...pool, ips: [ip("10.99.0.4")] } }, "problem", "10.99.0.4 is not in"],
  ["pool", { addresses: [{ nic: "eth1", ip: "10.88.100.77" }] }, "problem", "in use on eth1"],
  [
    "pool",
    { pool: { ...pool, subnet: "10.88.0.0/16", ips: undefined } },
    "warning",
    "more than 4096",
  ],
])("%s: %o", (check, change, state, detail) => {
  const finding = wrong(change).find((one) => one.check === check);
  expect(finding).toMatchObject({ state, detail: expect.stringContaining(detail) });
  expect(finding?.remedy).not.toBe("");
});

test("facts are read from the kernel's tables", () => {
  expect(capabilitiesIn("Name:\tnode\nCapEff:\t0000000000003400\n")).toBe(0x3400n);
  expect(
    listenersOn(
      67,
      "  sl  local_address rem_address\n  12: 00000000:0043 00000000:0000 07\n  13: 0100007F:0044 00000000:0000 07\n",
    ),
  ).toBe(1);
});
