// Kernel notifications: each kind is told, our own changes are not, and an overrun is told instead of ending the process.

import { expect, it } from "vitest";
import { ip, ipv4FromUint, ipv4ToUint } from "#core/address.ts";
import { Ledger } from "#core/ledger.ts";
import { putLease } from "#core/record.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { type KernelChange, openWatch } from "#broker/linux/watch.ts";
import { resyncRoutes } from "#broker/resync.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { enterFreshNamespace, run } from "./fresh-namespace.ts";

const LIMIT = { limit: 20_000, what: "a notification" };

function watched(ownPort: number, receiveBuffer?: number): { seen: KernelChange[] } & Disposable {
  const seen: KernelChange[] = [];
  const watch = openWatch({
    ownPort,
    onChange: (change) => void seen.push(change),
    trouble: (error) => {
      throw error;
    },
    ...(receiveBuffer === undefined ? {} : { receiveBuffer }),
  });
  return { seen, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}

function addBridge(): void {
  enterFreshNamespace();
  run("ip link add cni0 type bridge");
  run("ip link set cni0 up");
}

const changes = [
  { kind: "link", line: "ip link add other type bridge" },
  { kind: "address", line: "ip address add 10.9.0.1/24 dev cni0" },
  { kind: "route", line: "ip route add 10.9.0.5/32 dev cni0" },
  {
    kind: "neighbour",
    line: "ip neigh add 10.9.0.5 lladdr 02:00:00:00:00:05 dev cni0 nud permanent",
  },
] as const;

it.each(changes)("tells of a changed $kind", async ({ kind, line }) => {
  addBridge();
  using watch = watched(0xffff);
  run(line);
  await waitFor(() => watch.seen.some((change) => change.kinds.has(kind)), LIMIT);
});

it("does not tell of our own changes", async () => {
  addBridge();
  await using netlink = openNetlink();
  const table = openRouteTable({ netlink, bridge: "cni0" });
  using watch = watched(netlink.port);
  await table.apply([{ op: "add", ip: ip("10.9.0.5") }]);
  run("ip link add other type bridge");
  await waitFor(() => watch.seen.some((change) => change.kinds.has("link")), LIMIT);
  expect(watch.seen.some((change) => change.kinds.has("route"))).toBe(false);
});

it("survives a flood into a tiny buffer, says that it lost some, and the routes are put right", async () => {
  addBridge();
  await using ours = openNetlink();
  await using theirs = openNetlink();
  const table = openRouteTable({ netlink: ours, bridge: "cni0" });
  const flood = openRouteTable({ netlink: theirs, bridge: "cni0" });
  const wanted = [{ ip: ip("10.9.0.5") }];
  const ledger = new Ledger();
  const state = { pool: "node", state: "leased", sequence: 1, since: 0, routed: true } as const;
  ledger.apply([putLease({ ...state, ip: ip("10.9.0.5") })]);
  await table.apply([{ op: "add", ip: ip("10.9.0.5") }]);
  using watch = watched(ours.port, 2_304);
  const base = ipv4ToUint(ip("10.32.0.0"));
  const ips = Array.from({ length: 10_000 }, (_, index) => ipv4FromUint(base + index));
  await flood.apply(ips.map((address) => ({ op: "add", ip: address })));
  await flood.apply(ips.slice(1).map((address) => ({ op: "delete", ip: address })));
  run("ip route del 10.9.0.5/32 dev cni0");
  await waitFor(() => watch.seen.some((change) => change.lost), LIMIT);
  expect(await resyncRoutes(ledger, table)).toEqual({ added: 1, deleted: 1, failed: 0 });
  expect(await table.list()).toEqual(wanted);
  expect(await resyncRoutes(ledger, table)).toEqual({ added: 0, deleted: 0, failed: 0 });
});

it("is not flooded by the stations that a bridge learns", async () => {
  addBridge();
  run("ip link add port type veth peer name guest");
  run("ip link set port master cni0 up");
  using watch = watched(0xffff, 16_384);
  const station = (index: number): string =>
    `02:00:00:00:${(index >> 8).toString(16)}:${(index & 255).toString(16)}`;
  for (const verb of ["add", "delete"])
    for (let index = 0; index < 100; index += 1)
      run(`bridge fdb ${verb} ${station(index)} dev port master static`);
  run("ip link add other type bridge");
  await waitFor(() => watch.seen.some((change) => change.kinds.has("link")), LIMIT);
  // Without the filter the buffer overruns; neighbours of IPv6 may come and go with the links all the while.
  expect(watch.seen.filter((change) => change.lost)).toEqual([]);
});
