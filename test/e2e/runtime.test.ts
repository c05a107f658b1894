// The plugin called as a runtime calls it, where containerd's own command cannot: error codes, capabilities, lost calls.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { namespaces, type NetworkNamespace } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { bindGuest } from "#test/e2e/dhcp-clients.ts";
import { ping, startNode, waitForState } from "#test/e2e/node.ts";
import { addPod, addressOf, callNetwork } from "#test/e2e/runtime.ts";

test("ADD while the broker is down is code 11 and takes no address; afterwards it succeeds", async () => {
  await using node = await startNode();
  await using net = await namespaces("pod");
  const pod = { id: "early", namespace: net.pod };
  const linksBefore = await links(node.namespace);
  await node.broker.kill();
  const failed = await callNetwork(node, "ADD", pod);
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout)).toMatchObject({
    code: 11,
    msg: expect.stringContaining("broker"),
  });
  // A runtime cleans up after a failed ADD; the interfaces were the bridge plugin's.
  expect((await callNetwork(node, "DEL", pod)).code).toBe(0);
  expect(await links(net.pod)).toEqual(["lo"]);
  expect(await links(node.namespace)).toEqual(linksBefore);
  await node.broker.start();
  expect(await node.leases()).toEqual([]);
  const ip = addressOf(await addPod(node, pod));
  await node.namespace.exec(ping(ip));
});

test("DEL while the broker is down succeeds, waits in the spool, and frees once it is back", async () => {
  await using node = await startNode();
  await using net = await namespaces("pod", "other");
  const pod = { id: "gone", namespace: net.pod };
  const other = { id: "other", namespace: net.other };
  const ip = addressOf(await addPod(node, pod));
  const kept = addressOf(await addPod(node, other));
  await node.broker.kill();
  for (const _ of ["first", "repeated"]) {
    expect((await callNetwork(node, "DEL", pod)).code).toBe(0);
  }
  expect((await readdir(join(node.paths.state, "spool"))).length).toBeGreaterThan(0);
  await node.broker.start();
  await waitForState(node, ip, "cooling");
  expect(await readdir(join(node.paths.state, "spool"))).toEqual([]);
  expect(await node.lease(kept)).toMatchObject({ state: "leased", routed: true });
  // The same container again, as a kubelet does that lost count: a new ADD after the DELs is not refused.
  expect(addressOf(await addPod(node, pod))).not.toBe(ip);
});

test("CHECK agrees while all stands, and the route that it misses is put back", async () => {
  await using node = await startNode();
  await using net = await namespaces("pod");
  const pod = { id: "checked", namespace: net.pod };
  const result = await addPod(node, pod);
  const ip = addressOf(result);
  expect(await callNetwork(node, "CHECK", pod, result)).toMatchObject({ code: 0, stdout: "" });
  await node.namespace.exec(["ip", "route", "del", `${ip}/32`]);
  await waitFor(async () => (await node.routeOf(ip)) !== "", { what: `the route of ${ip}` });
  expect(await callNetwork(node, "CHECK", pod, result)).toMatchObject({ code: 0, stdout: "" });
});

test("ADD of a container that has its address gives that address again", async () => {
  await using node = await startNode();
  await using net = await namespaces("pod");
  const pod = { id: "twice", namespace: net.pod };
  const first = addressOf(await addPod(node, pod));
  // The runtime died between ADD and noting it: the interface is gone, DEL never came.
  await net.pod.exec(["ip", "link", "del", "eth0"]);
  expect(addressOf(await addPod(node, pod))).toBe(first);
});

test("a container's MAC, asked for by capability, gets the container's address over DHCP too", async () => {
  await using node = await startNode();
  await using net = await namespaces("pod");
  const mac = "02:00:5e:10:00:01";
  const pod = { id: "nic", namespace: net.pod, runtimeConfig: { mac } };
  const result = await addPod(node, pod);
  const ip = addressOf(result);
  expect(result.interfaces.map((one) => one.mac)).toContain(mac);
  expect((await node.lease(ip))?.mac).toBe(mac);
  // What is inside is a virtual machine that takes over the interface and asks by itself.
  await net.pod.exec(["ip", "addr", "flush", "dev", "eth0"]);
  await using client = await bindGuest("udhcpc", { namespace: net.pod, mac }, node.folder);
  expect(await client.address()).toBe(ip);
  const leased = (await node.leases()).filter((lease) => lease.state === "leased");
  expect(leased).toMatchObject([{ ip, ownerParts: { kind: "container" } }]);
  await node.namespace.exec(ping(ip));
});

/** Names of a namespace's links, without the far ends of pairs. */
async function links(namespace: NetworkNamespace): Promise<string[]> {
  const text = await namespace.exec(["ip", "-o", "link"]);
  return [...text.matchAll(/^\d+: ([^:@]+)/gm)].flatMap((match) => match[1] ?? []);
}
