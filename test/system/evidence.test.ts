// What shows that an address is in use: our routes, neighbours on the bridge, and the namespaces of processes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ip } from "#core/address.ts";
import { openEvidence } from "#broker/linux/evidence.ts";
import { readInet6, readTrie } from "#broker/linux/process-namespaces.ts";
import { watchFolders } from "#broker/linux/folder-watch.ts";
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

/** A namespace of its own, named for `ip netns`; with a port on cni0 when `plugged`. Removed at the end. */
function pod(name: string, plugged: boolean) {
  const full = `cnrec${process.pid}-${name}`;
  const netns = `/run/netns/${full}`;
  const make = () => {
    run(`ip netns add ${full}`);
    if (!plugged) return;
    run(`ip link add ${name}0 master cni0 type veth peer name eth0 netns ${full}`);
    run(`ip link set ${name}0 up`);
    run(`ip -n ${full} link set eth0 up`);
  };
  make();
  return {
    netns,
    run: (line: string) => run(`ip -n ${full} ${line}`),
    identity() {
      const { dev, ino } = statSync(netns, { bigint: true });
      return { dev: String(dev), ino: String(ino) };
    },
    remove: () => run(`ip netns del ${full}`),
    [Symbol.dispose]() {
      if (existsSync(netns)) run(`ip netns del ${full}`);
    },
  };
}

describe("an attachment", () => {
  it("is present under its identity while a link leads into it, absent under another or when the file is gone", async () => {
    await using all = openAll();
    using here = pod("here", true);
    const { netns } = here;
    const identity = here.identity();
    expect(await all.evidence.attachment({ netns, identity, stamp })).toBe("present");
    expect(await all.evidence.attachment({ netns, stamp })).toBe("present");
    expect(
      await all.evidence.attachment({ netns, identity: { ...identity, ino: "1" }, stamp }),
    ).toBe("absent");
    here.remove();
    expect(await all.evidence.attachment({ netns, identity, stamp })).toBe("absent");
  });

  it("is not known again by path, device and inode alone: those another namespace is given anew", async () => {
    await using all = openAll();
    using other = pod("other", false);
    // What the ledger would hold of a container whose namespace had the inode that this one has now.
    const recorded = { netns: other.netns, identity: other.identity(), stamp };
    expect(await all.evidence.attachment(recorded)).toBe("unlinked");
    run(`ip link add other0 type veth peer name eth0 netns ${other.netns.replace(/.*\//, "")}`);
    // One reading of the links serves for a second.
    await waitFor(async () => (await all.evidence.attachment(recorded)) === "present", {
      what: "the link to be seen",
    });
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

describe("a neighbour that has not answered lately", () => {
  it("is no sign of life by itself; it is asked, and seen when it answers", async () => {
    await using all = openAll();
    run("ip address add 10.201.0.1/24 dev cni0");
    using alive = pod("alive", true);
    alive.run("link set eth0 address 02:00:00:00:00:07");
    for (const last of [7, 9]) alive.run(`address add 10.201.0.${last}/24 dev eth0`);
    for (const last of [7, 8])
      run(`ip neigh add 10.201.0.${last} lladdr 02:00:00:00:00:0${last} dev cni0 nud stale`);
    const about = new Set(["10.201.0.7", "10.201.0.8", "10.201.0.9"].map(ip));
    const agesOf = async () => {
      const seen = await all.evidence.scan("answering", about);
      return new Map(seen.map((one) => [one.ip as string, one.age ?? 0]));
    };
    const before = await agesOf();
    expect([...before.keys()].toSorted()).toEqual(["10.201.0.7", "10.201.0.8"]);
    const asked = performance.now();
    // 10.201.0.9 has no entry yet; all three are asked by each scan.
    await waitFor(
      async () => {
        const ages = await agesOf();
        const since = performance.now() - asked;
        return ["7", "9"].every((last) => (ages.get(`10.201.0.${last}`) ?? Infinity) < since);
      },
      { what: "the answers of 10.201.0.7 and .9" },
    );
    await waitFor(() => !run("ip neigh show 10.201.0.8").includes("lladdr"), {
      what: "the end of the asking for 10.201.0.8",
    });
    expect((await agesOf()).get("10.201.0.8") ?? Infinity).toBeGreaterThan(
      performance.now() - asked,
    );
  });
});

it("sees a namespace's file go in a folder that it follows, and none in others", async () => {
  const folders = ["one", "two"].map((name) => mkdtempSync(join(tmpdir(), `cocoon-net-${name}-`)));
  const [followed = "", other = ""] = folders;
  let changes = 0;
  using watched = watchFolders(() => void changes++);
  try {
    for (const folder of folders) writeFileSync(join(folder, "pod"), "");
    watched.follow(new Set([other, "/proc/1/ns", "/run/there-is-no-such-folder"]));
    watched.follow(new Set([followed]));
    rmSync(join(other, "pod"));
    rmSync(join(followed, "pod"));
    await waitFor(() => changes > 0, { what: "the change in the folder" });
    expect(changes).toBe(1);
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true });
  }
});

it("reads only own addresses out of fib_trie and if_inet6", () => {
  const trie =
    "Main:\n  +-- 10.9.0.0/24 2 0 2\n     |-- 10.9.0.0\n        /24 link UNICAST\n     |-- 10.9.0.7\n        /32 host LOCAL\n";
  expect(readTrie(trie)).toEqual([ip("10.9.0.7")]);
  expect(readInet6("fd000009000000000000000000000007 01 40 00 80 lo\n")).toEqual([ip("fd00:9::7")]);
});
