// DELs that never come, with real namespaces, links and neighbours: every address comes back, and none from the living.

import { statSync } from "node:fs";
import { expect, test } from "vitest";
import type { Ip } from "#core/address.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type FsckNode, openFsckNode } from "./fsck-node.ts";
import { run } from "./fresh-namespace.ts";

/** A pod's namespace with its port on the bridge; `gone` ends it as a runtime does that then dies. */
function pod(name: string) {
  const full = `cndel${process.pid}-${name}`;
  run(`ip netns add ${full}`);
  run(`ip link add ${name} master cni0 type veth peer name eth0 netns ${full}`);
  run(`ip link set ${name} up`);
  run(`ip -n ${full} link set eth0 up`);
  const netns = `/run/netns/${full}`;
  const { dev, ino } = statSync(netns, { bigint: true });
  let there = true;
  const gone = () => {
    if (there) run(`ip netns del ${full}`);
    there = false;
  };
  return {
    netns,
    identity: { dev: String(dev), ino: String(ino) },
    gone,
    take: (ip: Ip) => run(`ip -n ${full} address add ${ip}/24 dev eth0`),
    /** The kernel takes the link away a moment after the namespace: a runtime that cuts it off first does it at once. */
    cutOff: () => run(`ip link del ${name}`),
    [Symbol.dispose]: gone,
  };
}

/** Looks as far apart as evidence must last. */
async function settle(node: FsckNode): Promise<void> {
  await node.reconciler.look();
  node.later(3);
  await node.reconciler.look();
}
const stateOf = (node: FsckNode, ip: Ip) => node.parts.ledger.lease(ip)?.state;

test("a container whose namespace went without DEL gives its address back, its neighbour keeps its own", async () => {
  await using node = openFsckNode();
  using dead = pod("dead");
  using alive = pod("alive");
  const [one, other] = [await node.attach("dead", dead), await node.attach("alive", alive)];
  dead.take(one);
  alive.take(other);
  await settle(node);
  expect([stateOf(node, one), stateOf(node, other)]).toEqual(["leased", "leased"]);
  dead.gone();
  // On a busy machine the kernel leaves a namespace's cards answering for a while after it was deleted.
  await waitFor(() => settle(node).then(() => stateOf(node, one) === "cooling"), {
    what: `${one} to come back`,
  });
  expect(stateOf(node, other)).toBe("leased");
  expect(run("ip route show proto 204")).not.toContain(one);
  expect(run("ip route show proto 204")).toContain(other);
});

test("a container that was cut off the bridge is gone, though a namespace bears its path and inode", async () => {
  await using node = openFsckNode();
  using other = pod("other");
  const address = await node.attach("before", other);
  other.cutOff();
  await settle(node);
  expect(stateOf(node, address)).toBe("cooling");
});

test("an older sandbox whose DEL was never called is released once the newer one of the pod is up", async () => {
  await using node = openFsckNode();
  using older = pod("older");
  using newer = pod("newer");
  const first = await node.attach("older", { ...older, podUid: "uid" });
  const second = await node.attach("newer", { ...newer, podUid: "uid" });
  newer.take(second);
  await settle(node);
  expect([stateOf(node, first), stateOf(node, second)]).toEqual(["cooling", "leased"]);
});

test("a sandbox that still answers for its address keeps it, older or not", async () => {
  await using node = openFsckNode();
  using older = pod("older");
  using newer = pod("newer");
  const first = await node.attach("older", { ...older, podUid: "uid" });
  await node.attach("newer", { ...newer, podUid: "uid" });
  older.take(first);
  await settle(node);
  expect(stateOf(node, first)).toBe("leased");
});
