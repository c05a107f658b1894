// Secondary NICs and a guest agent in real namespaces: whose link a guest's packets take, and what the keeper puts right.

import { afterEach, expect, test } from "vitest";
import { type Mac, ip, parseMac } from "#core/address.ts";
import { whoHas } from "#broker/linux/arp-probe.ts";
import { interfaceIndex } from "#broker/linux/libc.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { macOfLink, nicsByMac } from "#broker/linux/nic-names.ts";
import { openUplinkRoutes } from "#broker/linux/uplink-routes.ts";
import type { UplinkChange } from "#broker/node/uplinks.ts";
import { type UplinkKeeper, createUplinkKeeper } from "#broker/uplink-keeper.ts";
import type { Attachment } from "#provision/journal.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { enterFreshNamespace, run } from "./fresh-namespace.ts";
import { prefix } from "./node-fixture.ts";

const SUBNET = "10.204.100.0/24";
const VPC = "10.204.0.0/16";
const MACS = ["02:aa:00:00:00:01", "02:aa:00:00:00:02"] as const;
const parsed = (text: string): Mac => {
  const mac = parseMac(text);
  if (mac === undefined) throw new Error(`not a MAC: ${text}`);
  return mac;
};
const held: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of held.splice(0)) await one[Symbol.asyncDispose]();
});

/** Two cards towards a VPC whose router is the subnet's first address, as the bridge here is. */
function makeNode(): void {
  enterFreshNamespace();
  run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0");
  run("ip link add cni0 type bridge");
  run("ip link set cni0 up");
  run("ip addr add 10.204.100.1/24 dev cni0");
  for (const [index, mac] of MACS.entries()) {
    run(`ip link add eth${index + 1} address ${mac} type veth peer name vpc${index + 1}`);
    run(`ip link set eth${index + 1} up`);
    run(`ip link set vpc${index + 1} up`);
  }
}

const attachments: readonly Attachment[] = [
  {
    eniID: "eni-1",
    mac: MACS[0],
    nic: "eth1",
    gateway: "10.204.100.1",
    ips: ["10.204.100.4", "10.204.100.5"],
  },
  { eniID: "eni-2", mac: MACS[1], nic: "eth9", gateway: "10.204.100.1", ips: ["10.204.100.9"] },
];

interface Seen {
  readonly changes: UplinkChange[];
  readonly troubles: string[];
  readonly fights: string[];
}

function keep(attached = attachments): { keeper: UplinkKeeper; seen: Seen; start: () => void } {
  const netlink = openNetlink();
  const stop = new AbortController();
  const seen: Seen = { changes: [], troubles: [], fights: [] };
  const keeper = createUplinkKeeper({
    network: { bridge: "cni0", subnet: prefix(SUBNET), vpcCidrs: [prefix(VPC)] },
    attachments: attached,
    port: openUplinkRoutes(netlink),
    nicsByMac: () => nicsByMac(netlink),
    indexOf: interfaceIndex,
    now: () => Date.now(),
    onChange: (changes) => seen.changes.push(...changes),
    onFight: (item) => seen.fights.push(item),
    trouble: (_what, error) => seen.troubles.push(error.message),
  });
  let running: Promise<void> = Promise.resolve();
  held.push({
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await netlink[Symbol.asyncDispose]();
    },
  });
  return { keeper, seen, start: () => (running = keeper.run(stop.signal)) };
}

const linkTowards = (from: string): string =>
  run(`ip route get 10.204.7.7 from ${from} iif cni0`).match(/ dev (\S+)/)?.[1] ?? "none";

test("each address leaves by the card that owns it, whatever the card is called, and again after a flush", async () => {
  makeNode();
  const { keeper, seen } = keep();
  await keeper.apply();
  expect(seen.troubles).toEqual([]);
  expect(["10.204.100.4", "10.204.100.5", "10.204.100.9"].map(linkTowards)).toEqual([
    "eth1",
    "eth1",
    "eth2",
  ]);
  // Same node: the main table's host routes decide, not the card.
  run("ip route add 10.204.100.77/32 dev cni0");
  expect(run("ip route get 10.204.100.77 from 10.204.100.4 iif cni0")).toContain("dev cni0");
  run("ip rule del pref 5204");
  run("ip route flush table 52002");
  await keeper.apply();
  expect(linkTowards("10.204.100.9")).toBe("eth2");
  const made = seen.changes.length;
  await keeper.apply();
  expect(seen.changes).toHaveLength(made);
});

test("the router's MAC is asked for on the card itself, though the bridge carries its address", async () => {
  makeNode();
  const netlink = openNetlink();
  held.push(netlink);
  const link = interfaceIndex("eth1") ?? 0;
  const mac = await macOfLink(netlink, link);
  expect(mac).toBe(MACS[0]);
  const question = {
    link,
    mac: mac ?? parsed(MACS[0]),
    wanted: ip("10.204.100.1"),
    sender: ip("10.204.100.4"),
  };
  // Nobody is the router yet: the far end of the pair has no address of its own and must not answer for the bridge's.
  run("sysctl -qw net.ipv4.conf.vpc1.arp_ignore=8");
  expect(await whoHas(question)).toBeUndefined();
  run("sysctl -qw net.ipv4.conf.vpc1.arp_ignore=0");
  const router = run("ip -o link show vpc1").match(/ether (\S+)/)?.[1];
  expect(await whoHas(question)).toBe(router);
});

test("a card that is missing is told once, and the others work", async () => {
  makeNode();
  const missing = {
    eniID: "eni-3",
    mac: "02:aa:00:00:00:03",
    nic: "eth3",
    gateway: "10.204.100.1",
    ips: ["10.204.100.20"],
  };
  const { keeper, seen } = keep([...attachments, missing]);
  await keeper.apply();
  await keeper.apply();
  expect(seen.troubles).toHaveLength(1);
  expect(seen.troubles[0]).toContain("eni-3 (02:aa:00:00:00:03)");
  expect(linkTowards("10.204.100.4")).toBe("eth1");
});

test("a guest agent's local route goes however often it comes back; a foreign one stays", async () => {
  makeNode();
  const { keeper, seen, start } = keep([]);
  const agents = () => run("ip route show table local proto 66").trim();
  run("ip route add to local 10.99.0.0/24 scope host dev eth1 proto 66");
  start();
  for (let turn = 0; turn < 5; turn++) {
    run(`ip route add to local ${SUBNET} scope host dev eth1 proto 66`);
    keeper.touch();
    await waitFor(() => Promise.resolve(!agents().includes("10.204")), {
      what: "the agent's route to go",
    });
  }
  expect(agents()).toContain("10.99.0.0/24");
  expect(seen.changes).toHaveLength(5);
  expect(seen.fights).toEqual([
    "delete-agent-route local 10.204.100.0/24 link " + String(interfaceIndex("eth1")),
  ]);
});
