// Each kind of difference, planted in a real namespace, is found, named, and mended where it can be.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { type DifferenceKind, differenceKinds } from "#core/difference.ts";
import { putLease } from "#core/record.ts";
import { type FsckNode, macOf, openFsckNode } from "./fsck-node.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { run } from "./fresh-namespace.ts";

const GUEST = macOf(1);
const GUEST_IP = ip("10.201.0.50");

/** A process in a namespace of its own that has the address; it ends with the stack. */
async function processWith(address: string, undo: AsyncDisposableStack): Promise<void> {
  const script = `ip link set lo up; ip address add ${address}/32 dev lo; echo ready; read _`;
  const child = spawn("unshare", ["--net", "sh", "-c", script]);
  undo.defer(async () => {
    child.stdin.end();
    await once(child, "exit");
  });
  await once(child.stdout, "data");
}

interface Plant {
  /** The address or file that the difference is about; checked by its end. */
  readonly about: string;
  readonly make: (node: FsckNode, undo: AsyncDisposableStack) => unknown;
}

const plants: Readonly<Record<Exclude<DifferenceKind, "ledger-damaged">, Plant>> = {
  "route-missing": {
    about: GUEST_IP,
    make: () => run(`ip route del ${GUEST_IP}/32`),
  },
  "route-unowned": {
    about: "10.201.0.200",
    make: () => run("ip route add 10.201.0.200/32 dev cni0 proto 204 scope link"),
  },
  "neighbour-differs": {
    about: GUEST_IP,
    make: () => run(`ip neigh replace ${GUEST_IP} lladdr ${macOf(99)} dev cni0 nud permanent`),
  },
  "neighbour-unowned": {
    about: "10.201.0.201",
    make: () => run(`ip neigh add 10.201.0.201 lladdr ${macOf(98)} dev cni0 nud permanent`),
  },
  "container-gone": {
    about: "10.201.0.51",
    async make(node) {
      await node.attach("gone", { netns: "/run/netns/cocoon-net-there-is-none" });
      node.later(3);
    },
  },
  "address-unrecorded": {
    about: "10.201.0.77",
    make: (_node, undo) => processWith("10.201.0.77", undo),
  },
  "address-doubled": {
    about: GUEST_IP,
    async make(_node, undo) {
      await processWith(GUEST_IP, undo);
      await processWith(GUEST_IP, undo);
    },
  },
  "dhcp-differs": {
    about: GUEST_IP,
    make: (node) => node.attach("same-mac", { netns: "/proc/self/ns/net", mac: GUEST }),
  },
  "outside-pool": {
    about: "10.201.9.9",
    async make({ parts }) {
      const lease = parts.ledger.lease(GUEST_IP);
      if (lease === undefined) throw new Error("the guest has no lease");
      const outside = { ...lease, ip: ip("10.201.9.9"), owner: container, routed: false };
      await parts.leasing.submit("IMPORT", () => ({
        changes: [putLease(outside)],
        routes: [],
        events: [],
        outcome: undefined,
      }));
    },
  },
  "pool-file": {
    about: "pool.json",
    make: (node) => (node.poolFile = ["gateway is 10.201.0.254, and 10.201.0.1 is served"]),
  },
  "mirror-differs": {
    about: "leases.json",
    make: (node) => writeFileSync(node.leaseFile, "[]\n"),
  },
  "spool-waiting": {
    about: "00000000000000000001-1-a.json",
    make: (node) =>
      writeFileSync(join(node.spool, "00000000000000000001-1-a.json"), JSON.stringify(release)),
  },
  "spool-rejected": {
    about: "1.json.rejected",
    make: (node) => writeFileSync(join(node.spool, "1.json.rejected"), "nonsense"),
  },
  "spool-unfinished": {
    about: "1.tmp",
    make(node) {
      writeFileSync(join(node.spool, "1.tmp"), "half");
      utimesSync(join(node.spool, "1.tmp"), 1, 1);
    },
  },
};
const container = { kind: "container", network: "n", containerId: "c", ifname: "eth0" } as const;
const release = {
  version: "0.1.0",
  env: { CNI_COMMAND: "DEL", CNI_CONTAINERID: "gone", CNI_IFNAME: "eth0", CNI_PATH: "/x" },
  stdin: '{"cniVersion":"1.1.0","name":"net"}',
  stamp: { bootId: "0-0", boottime: "1" },
};

/** A node with one guest, on which nothing differs. */
async function soundNode(): Promise<FsckNode> {
  const node = openFsckNode();
  await node.guest(GUEST, GUEST_IP);
  await node.parts.mirroring.flush();
  return node;
}

test("on a sound node nothing differs, and looking changes nothing", async () => {
  await using node = await soundNode();
  const before = [...node.parts.ledger.leases()];
  expect(await node.fsck(true)).toMatchObject({
    total: 0,
    open: 0,
    differences: [],
    compared: { leases: 1, routes: 1, neighbours: 1 },
  });
  expect([...node.parts.ledger.leases()]).toEqual(before);
});

test.each(Object.entries(plants))(
  "%s is found and named, and mended where it can be",
  async (name, { about, make }) => {
    await using node = await soundNode();
    await using undo = new AsyncDisposableStack();
    await make(node, undo);
    const kind = name as DifferenceKind;
    const mendable = "mending" in differenceKinds[kind];
    const found = { kind, ...differenceKinds[kind] };
    const seen = await node.fsck(false);
    expect(seen).toMatchObject({ total: 1, open: 1, differences: [{ ...found, mended: false }] });
    expect(seen.differences[0]?.about.endsWith(about)).toBe(true);
    expect(await node.fsck(true)).toMatchObject({
      total: 1,
      open: mendable ? 0 : 1,
      differences: [{ ...found, mended: mendable }],
    });
    expect((await node.fsck(false)).total).toBe(mendable ? 0 : 1);
  },
);

test("what was found in use without a record is kept from everyone", async () => {
  await using node = await soundNode();
  await using undo = new AsyncDisposableStack();
  await processWith("10.201.0.77", undo);
  await node.fsck(true);
  expect(node.parts.ledger.lease(ip("10.201.0.77"))).toMatchObject({
    state: "leased",
    owner: { kind: "found", evidence: "namespace" },
  });
  expect(run("ip route show 10.201.0.77")).toContain("cni0");
});

test("an address that somebody uses after its release is not given to another", async () => {
  await using node = await soundNode();
  await using undo = new AsyncDisposableStack();
  const address = await node.attach("left", { netns: "/proc/self/ns/net" });
  await node.parts.cni.release({
    ...release,
    env: { ...release.env, CNI_CONTAINERID: "left" },
    stamp: {
      ...release.stamp,
      bootId: node.parts.ledger.lease(address)?.attachment?.stamp.bootId,
      boottime: "9".repeat(19),
    },
  });
  expect(node.parts.ledger.lease(address)?.state).toBe("cooling");
  await processWith(address, undo);
  expect((await node.fsck(false)).total).toBe(0);
  node.later(1);
  expect((await node.fsck(true)).differences).toMatchObject([
    { kind: "address-unrecorded", about: address, mended: true },
  ]);
  expect(node.parts.ledger.lease(address)).toMatchObject({ state: "leased" });
});

test("a container that is too young to be judged, and one that answers, keep their addresses", async () => {
  await using node = await soundNode();
  const answering = await node.attach("young", { netns: "/run/netns/cocoon-net-there-is-none" });
  expect((await node.fsck(true)).total).toBe(0);
  node.later(3);

  run(`ip netns add cnfsck${process.pid}`);
  try {
    run(`ip link add pod0 master cni0 type veth peer name eth0 netns cnfsck${process.pid}`);
    run("ip link set pod0 up");
    run(`ip -n cnfsck${process.pid} link set eth0 up`);
    run(`ip -n cnfsck${process.pid} address add ${answering}/24 dev eth0`);
    await waitFor(() => run("ip -d link show pod0").includes("state forwarding"), {
      what: "the new port to forward",
    });
    expect((await node.fsck(true)).differences, run("ip -s neigh")).toEqual([]);
  } finally {
    run(`ip netns del cnfsck${process.pid}`);
  }
  expect(node.parts.ledger.lease(answering)?.state).toBe("leased");
});

test("one fsck at a time", async () => {
  await using node = await soundNode();
  const first = node.fsck(false);
  await expect(node.fsck(false)).rejects.toMatchObject({ code: "overloaded" });
  expect((await first).total).toBe(0);
  expect((await node.fsck(false)).total).toBe(0);
});

test("the mended mirror shows the leases again", async () => {
  await using node = await soundNode();
  const before = readFileSync(node.leaseFile, "utf8");
  writeFileSync(node.leaseFile, "[]\n");
  await node.fsck(true);
  expect(readFileSync(node.leaseFile, "utf8")).toBe(before);
});
