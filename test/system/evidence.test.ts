// What shows that an address is in use: our routes, neighbours on the bridge, and the namespaces of processes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ip } from "#core/address.ts";
import { openEvidence, readInet6, readTrie } from "#broker/linux/evidence.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { enterFreshNamespace, run } from "./fresh-namespace.ts";

const stamp = { bootId: "boot", boottime: "1" };

function openAll() {
  enterFreshNamespace();
  run("ip link add cni0 type bridge");
  run("ip link set cni0 up");
  const netlink = openNetlink();
  const routes = openRouteTable({ netlink, bridge: "cni0" });
  const evidence = openEvidence({ netlink, routes, bridge: "cni0" });
  return { routes, evidence, [Symbol.asyncDispose]: () => netlink[Symbol.asyncDispose]() };
}

it("finds routes, neighbours, and addresses inside another process's namespace", async () => {
  await using all = openAll();
  await all.routes.apply([{ op: "add", ip: ip("10.9.0.5") }]);
  run("ip neigh add 10.9.0.6 lladdr 02:00:00:00:00:06 dev cni0 nud stale");
  const script =
    "ip link set lo up; ip address add 10.9.0.7/24 dev lo; ip -6 address add fd00:9::7/64 dev lo; echo ready; read _";
  const child = spawn("unshare", ["--net", "sh", "-c", script]);
  try {
    await once(child.stdout, "data");
    await waitFor(
      async () => {
        const seen = await all.evidence.scan();
        const has = (address: string, evidence: string) =>
          seen.some((one) => one.ip === ip(address) && one.evidence === evidence);
        return (
          has("10.9.0.5", "route") &&
          has("10.9.0.6", "neighbour") &&
          has("10.9.0.7", "namespace") &&
          has("fd00:9::7", "namespace")
        );
      },
      { limit: 10_000, what: "all four kinds of evidence" },
    );
  } finally {
    child.stdin.end();
    await once(child, "exit");
  }
});

describe("an attachment", () => {
  it("is present under its identity, absent under another or when the file is gone", async () => {
    await using all = openAll();
    const netns = "/proc/self/ns/net";
    const { dev, ino } = statSync(netns, { bigint: true });
    const identity = { dev: String(dev), ino: String(ino) };
    expect(await all.evidence.attachment({ netns, identity, stamp })).toBe("present");
    expect(await all.evidence.attachment({ netns, stamp })).toBe("present");
    expect(
      await all.evidence.attachment({ netns, identity: { ...identity, ino: "1" }, stamp }),
    ).toBe("absent");
    expect(await all.evidence.attachment({ netns: "/run/netns/gone", identity, stamp })).toBe(
      "absent",
    );
  });

  it("is absent when only the empty file is left of its namespace", async () => {
    await using all = openAll();
    const folder = mkdtempSync(join(tmpdir(), "cocoon-net-evidence-"));
    try {
      writeFileSync(join(folder, "netns"), "");
      expect(await all.evidence.attachment({ netns: join(folder, "netns"), stamp })).toBe("absent");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

it("reads only own addresses out of fib_trie and if_inet6", () => {
  const trie =
    "Main:\n  +-- 10.9.0.0/24 2 0 2\n     |-- 10.9.0.0\n        /24 link UNICAST\n     |-- 10.9.0.7\n        /32 host LOCAL\n";
  expect(readTrie(trie)).toEqual([ip("10.9.0.7")]);
  expect(readInet6("fd000009000000000000000000000007 01 40 00 80 lo\n")).toEqual([ip("fd00:9::7")]);
});
