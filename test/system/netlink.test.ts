// The route table against the real kernel: the contract, what other owners keep, and a flood that once ended the process.

import { expect, it } from "vitest";
import { ip, ipv4FromUint, ipv4ToUint } from "#core/address.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { REQUEST_QUEUE_LIMIT } from "#broker/linux/netlink-changes.ts";
import { addRoute } from "#broker/linux/route-codec.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { type Subject, routeTableContract } from "#test/contract/route-table.ts";
import { fakeRouteTable } from "#test/fakes/route-table.ts";
import { enterFreshNamespace, run } from "./fresh-namespace.ts";

/** Of netlink.ts's wait for an answer. */
const LONGER_THAN_THE_TIMEOUT_MS = 5_500;

routeTableContract("fake", () => {
  const table = fakeRouteTable();
  const setBridge = (present: boolean) => Promise.resolve(table.setBridge(present));
  return Promise.resolve({ table, setBridge, [Symbol.asyncDispose]: () => Promise.resolve() });
});

routeTableContract("kernel", () => Promise.resolve(kernelSubject()));

function kernelSubject(): Subject {
  enterFreshNamespace();
  addBridge("cni0");
  const netlink = openNetlink();
  return {
    table: openRouteTable({ netlink, bridge: "cni0" }),
    setBridge: (present) =>
      Promise.resolve(present ? addBridge("cni0") : void run("ip link delete cni0")),
    [Symbol.asyncDispose]: () => netlink[Symbol.asyncDispose](),
  };
}

function addBridge(name: string): void {
  run(`ip link add ${name} type bridge`);
  run(`ip link set ${name} up`);
}

it("writes routes that `ip` shows as ours, and leaves another owner's alone", async () => {
  await using subject = kernelSubject();
  run("ip route add 10.9.0.9/32 dev cni0 scope link proto static");
  await subject.table.apply([{ op: "add", ip: ip("10.9.0.5") }]);
  await subject.table.apply([{ op: "delete", ip: ip("10.9.0.9") }]);
  expect(
    run("ip route show dev cni0")
      .trim()
      .split("\n")
      .map((line) => line.trim()),
  ).toEqual(["10.9.0.5 proto 204 scope link", "10.9.0.9 proto static scope link"]);
  expect(await subject.table.list()).toEqual([{ ip: ip("10.9.0.5") }]);
});

it("does not take another route for the host route that is asked for", async () => {
  await using subject = kernelSubject();
  run("ip address add 10.9.0.1/24 dev cni0");
  run("ip route add default via 10.9.0.254 dev cni0");
  run("ip route add 10.9.0.9/32 dev cni0 scope link proto static");
  for (const address of ["10.9.0.1", "10.9.0.5", "10.9.0.9", "192.0.2.1"]) {
    expect(await subject.table.stands(ip(address))).toBe(false);
  }
  await subject.table.apply([{ op: "add", ip: ip("10.9.0.5") }]);
  expect(await subject.table.stands(ip("10.9.0.5"))).toBe(true);
});

it("takes 20,000 requests in one turn of the loop, each answered", async () => {
  enterFreshNamespace();
  await using netlink = openNetlink();
  const base = ipv4ToUint(ip("10.32.0.0"));
  const answers = await Promise.all(
    Array.from({ length: 20_000 }, (_, index) =>
      netlink.request([addRoute(ipv4FromUint(base + index), 999)]),
    ),
  );
  expect(new Set(answers.flat().map((error) => (error as { code?: string }).code))).toEqual(
    new Set(["ENODEV"]),
  );
});

it("refuses more requests than its queue holds, and answers none of them twice", async () => {
  enterFreshNamespace();
  await using netlink = openNetlink();
  const request = addRoute(ip("10.9.0.5"), 999);
  const many = Array.from({ length: REQUEST_QUEUE_LIMIT + 1 }, () => request);
  await expect(netlink.request(many)).rejects.toMatchObject({ code: "overloaded" });
  expect(await netlink.request([request])).toHaveLength(1);
});

it("does not take its own busy loop for a kernel that does not answer", async () => {
  enterFreshNamespace();
  await using netlink = openNetlink();
  const table = openRouteTable({ netlink, bridge: "lo" });
  const adding = table.apply([{ op: "add", ip: ip("10.9.0.5") }]);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LONGER_THAN_THE_TIMEOUT_MS);
  expect(await adding).toEqual([undefined]);
});

it("answers what still waits when it is closed", async () => {
  enterFreshNamespace();
  const netlink = openNetlink();
  const waiting = netlink.request(
    Array.from({ length: 1_000 }, () => addRoute(ip("10.9.0.5"), 999)),
  );
  await netlink[Symbol.asyncDispose]();
  expect((await waiting).filter((error) => error === undefined)).toEqual([]);
  await expect(netlink.request([addRoute(ip("10.9.0.5"), 1)])).rejects.toMatchObject({
    code: "not-ready",
  });
});
