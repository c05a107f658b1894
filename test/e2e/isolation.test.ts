// --guest-isolation: guests on one node reach each other through the router alone; containers as before.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { bindGuest } from "#test/e2e/dhcp-clients.ts";
import { listen, openStation, udp } from "#test/e2e/ethernet.ts";
import { type TestNode, ping, startNode } from "#test/e2e/node.ts";
import { addPod, addressOf } from "#test/e2e/runtime.ts";

const SUBNET = "10.202.3.0/24";
const MAC = "02:00:5e:22:00:01";
const OTHER_MAC = "02:00:5e:22:00:02";
const DIRECT = 50;
const ROUTED = 60;

const start = (...flags: readonly string[]) =>
  startNode({ adopt: ["--subnet", SUBNET], daemon: flags });

const isIsolated = async (node: TestNode, link: string): Promise<boolean> =>
  (await node.namespace.exec(["ip", "-d", "link", "show", link])).includes("isolated on");

const isolated = (node: TestNode, link: string) =>
  waitFor(() => isIsolated(node, link), { what: `${link} to be isolated` });

/** Two guests with addresses; what the second hears of one datagram sent past the router and one sent through it. */
async function twoGuests(node: TestNode, ready: () => Promise<unknown>) {
  const guest = await node.plugGuest("guest", MAC);
  const other = await node.plugGuest("other", OTHER_MAC);
  await using client = await bindGuest("udhcpc", guest, node.folder);
  await using second = await bindGuest("udhcpc", other, node.folder);
  const own = ip(await client.address());
  const others = ip(await second.address());
  await ready();
  const bridge = (await node.namespace.exec(["cat", "/sys/class/net/cni0/address"])).trim();
  await using station = await openStation(guest.namespace, "eth0");
  await using seen = await listen(other.namespace, "eth0", "udp port 9999");
  const said = (to: string, length: number) =>
    udp({
      to,
      from: MAC,
      source: own,
      destination: others,
      ports: [9999, 9999],
      payload: Buffer.alloc(length),
    });
  await station.send(said(OTHER_MAC, DIRECT));
  await station.send(said(bridge, ROUTED));
  await waitFor(() => seen.stdout().includes(`length ${ROUTED}\n`), {
    what: "the routed datagram",
  });
  const lengths = [...seen.stdout().matchAll(/UDP, length (\d+)/g)].map((match) =>
    Number(match[1]),
  );
  const answered = await guest.namespace.exec(ping(others));
  const neighbour = await guest.namespace.exec(["ip", "neigh", "show", others]);
  await client.renew();
  return { lengths, answered, viaBridge: neighbour.includes(bridge) };
}

test("two guests are cut off below the router, and reach each other through it", async () => {
  await using node = await start("--guest-isolation");
  const cut = await twoGuests(node, async () => {
    await isolated(node, "guest1");
    await isolated(node, "guest2");
  });
  expect(cut.lengths).toEqual([ROUTED]);
  expect(cut.viaBridge).toBe(true);
  // One hop: the node routed it.
  expect(cut.answered).toContain("ttl=63");
});

test("without the flag they reach each other directly", async () => {
  await using node = await start();
  const open = await twoGuests(node, () => Promise.resolve());
  expect(open.lengths).toEqual([DIRECT, ROUTED]);
  expect(open.answered).toContain("ttl=64");
  expect(await isIsolated(node, "guest1")).toBe(false);
});

test("containers reach each other, the guests and the node as before; taps are isolated from the start", async () => {
  await using node = await start("--guest-isolation");
  const guest = await node.plugGuest("guest", MAC);
  await using client = await bindGuest("udhcpc", guest, node.folder);
  const own = await client.address();
  await isolated(node, "guest1");
  await using net = await namespaces("one", "two");
  const one = addressOf(await addPod(node, { id: "one", namespace: net.one }));
  const two = addressOf(await addPod(node, { id: "two", namespace: net.two }));
  for (const target of [two, own, "10.202.3.1"]) await net.one.exec(ping(target));
  for (const target of [one, two, "10.202.3.1"]) await guest.namespace.exec(ping(target));
  await node.namespace.exec(["ip", "tuntap", "add", "tap7", "mode", "tap"]);
  await node.namespace.exec(["ip", "link", "set", "tap7", "master", "cni0", "up"]);
  await isolated(node, "tap7");
  const links = await node.namespace.exec(["ip", "-d", "link", "show", "master", "cni0"]);
  expect(links.match(/isolated on/g)).toHaveLength(2);
  expect(links.match(/isolated off/g)).toHaveLength(2);
});
