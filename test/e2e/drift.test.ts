// What somebody else changes on a running node is put back by the broker within the time that is promised.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { namespaces } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { bindGuest } from "#test/e2e/dhcp-clients.ts";
import { CONTAINER_CONFLIST, GATEWAY, GUEST_CONFLIST, ping } from "#test/e2e/node.ts";
import { startNode, type TestNode } from "#test/e2e/node.ts";
import { addPod, addressOf } from "#test/e2e/runtime.ts";

/** Drift is repaired within 15 s. */
const REPAIR_LIMIT_MS = 15_000;
const MAC = "02:00:5e:10:00:07";

const repaired = (what: string, condition: () => Promise<boolean>): Promise<boolean> =>
  waitFor(condition, { limit: REPAIR_LIMIT_MS, what });

test("a bridge that was deleted is made again, with address and routes, and DHCP answers on it", async () => {
  await using node = await startNode();
  const guest = await node.plugGuest("guest", MAC);
  const first = await bindGuest("udhcpc", guest, node.folder);
  const ip = await first.address();
  await first[Symbol.asyncDispose]();
  await node.namespace.exec(["ip", "link", "del", "cni0"]);
  await repaired("the bridge and its address", async () => {
    const shown = await node.namespace.attempt(["ip", "-4", "-o", "addr", "show", "dev", "cni0"]);
    return shown.stdout.includes(`${GATEWAY}/24`);
  });
  await repaired(`the route of ${ip}`, async () => (await node.routeOf(ip)) !== "");
  // Whoever deletes a bridge cuts its ports off; plugging them in again is their owner's part.
  await node.namespace.exec(["ip", "link", "set", "guest1", "master", "cni0"]);
  await using second = await bindGuest("udhcpc", guest, node.folder);
  expect(await second.address()).toBe(ip);
  await node.namespace.exec(ping(ip));
});

describe("deleted by hand", () => {
  test("a lease's route and its neighbour come back", async () => {
    await using node = await startNode();
    const guest = await node.plugGuest("guest", MAC);
    await using client = await bindGuest("udhcpc", guest, node.folder);
    const ip = await client.address();
    const neighbour = (): Promise<string> => node.namespace.exec(["ip", "neigh", "show", ip]);
    expect(await neighbour()).toContain(`${MAC} PERMANENT`);
    await node.namespace.exec(["ip", "route", "del", `${ip}/32`]);
    await repaired(`the route of ${ip}`, async () => (await node.routeOf(ip)) !== "");
    await node.namespace.exec(["ip", "neigh", "del", ip, "dev", "cni0"]);
    await repaired("its neighbour", async () => (await neighbour()).includes("PERMANENT"));
  });

  test("the bridge's address comes back", async () => {
    await using node = await startNode();
    await node.namespace.exec(["ip", "addr", "flush", "dev", "cni0"]);
    await repaired("the address", async () =>
      (await node.namespace.addresses("cni0")).includes(`${GATEWAY}/24`),
    );
  });

  test("both conflists come back", async () => {
    await using node = await startNode();
    const paths = [CONTAINER_CONFLIST, GUEST_CONFLIST].map((name) =>
      join(node.paths.conflists, name),
    );
    const all = (): Promise<string[]> => Promise.all(paths.map(read));
    const before = await all();
    for (const path of paths) await rm(path);
    await repaired("both files", async () => (await all()).join() === before.join());
  });
});

test("rules that were flushed, forwarding that was switched off, come back; others' rules stay", async () => {
  await using node = await startNode({ adopt: ["--manage-iptables"] });
  const foreign = ["-p", "tcp", "--dport", "7", "-j", "ACCEPT"];
  await node.namespace.exec(["iptables", "-A", "FORWARD", ...foreign]);
  const before = await rules(node);
  expect(before).toContain("-A FORWARD -j COCOON-NET-FORWARD");
  expect(before).toContain("MASQUERADE");
  await node.namespace.exec(["iptables", "-D", "FORWARD", "-j", "COCOON-NET-FORWARD"]);
  await node.namespace.exec(["iptables", "-t", "nat", "-F"]);
  await node.namespace.exec(["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
  await repaired("rules and forwarding", async () => {
    const forward = await node.namespace.exec(["sysctl", "-n", "net.ipv4.ip_forward"]);
    return forward.trim() === "1" && (await rules(node)) === before;
  });
});

test("a pod lives through all of it", async () => {
  await using node = await startNode({ adopt: ["--manage-iptables"] });
  await using net = await namespaces("pod");
  const ip = addressOf(await addPod(node, { id: "pod", namespace: net.pod }));
  await node.namespace.exec(["ip", "route", "flush", "dev", "cni0", "scope", "link"]);
  await repaired(`the route of ${ip}`, async () => (await node.routeOf(ip)) !== "");
  await node.namespace.exec(ping(ip));
  expect(await node.lease(ip)).toMatchObject({ state: "leased", routed: true });
  expect(await readFile(join(node.paths.conflists, CONTAINER_CONFLIST), "utf8")).toContain("cni0");
});

/** Rules and chains of both tables, without counters. */
async function rules(node: TestNode): Promise<string> {
  const text = await node.namespace.exec(["iptables-save"]);
  const kept = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return kept.map((line) => line.replace(/ \[\d+:\d+\]$/, "")).join("\n");
}

/** Between removal and repair there is no file. */
const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
