// --guest-mac-check: what a guest's port of the bridge may send, and that nothing else changes for anybody.

import { expect, test } from "vitest";
import { type Ip, type Mac, ip, parseMac } from "#core/address.ts";
import { clientPacket } from "#test/dhcp/client-packet.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { COCOON_NET, startBroker } from "#test/netns/broker.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { bootGuest } from "#test/vm/guest.ts";
import { bindGuest } from "#test/e2e/dhcp-clients.ts";
import { arpRequest, ethernet, listen, openStation, udp } from "#test/e2e/ethernet.ts";
import { type Guest, type TestNode, ping, startNode } from "#test/e2e/node.ts";
import { addPod, addressOf } from "#test/e2e/runtime.ts";

const SUBNET = "10.202.2.0/24";
const GATEWAY = ip("10.202.2.1");
const MAC = "02:00:5e:21:00:01";
const OTHER_MAC = "02:00:5e:21:00:02";
const NOBODY = "02:00:5e:21:00:77";
const FREE = ip("10.202.2.200");

const start = (flags: readonly string[] = ["--guest-mac-check"]) =>
  startNode({ adopt: ["--subnet", SUBNET], daemon: flags });

const table = (node: TestNode): Promise<string> =>
  node.namespace
    .attempt(["nft", "list", "table", "bridge", "cocoon-net"])
    .then(({ code, stdout }) => (code === 0 ? stdout : "none"));

const bridgeMac = async (node: TestNode): Promise<string> =>
  (await node.namespace.exec(["cat", "/sys/class/net/cni0/address"])).trim();

const pingFrom = (source: string) => ["ping", "-c", "1", "-W", "10", "-I", source, GATEWAY];

const isolatedPorts = async (node: TestNode): Promise<number> => {
  const links = await node.namespace.exec(["ip", "-d", "link", "show", "master", "cni0"]);
  return links.split("isolated on").length - 1;
};

/** What the node hears of the frames, one line each; the last one must be let through. */
async function heard(node: TestNode, guest: Guest, frames: readonly Buffer[]): Promise<string[]> {
  await using station = await openStation(guest.namespace, "eth0");
  await using seen = await listen(node.namespace, "cni0", "arp or udp port 9999");
  for (const frame of frames) await station.send(frame);
  await waitFor(() => seen.stdout().includes(`length ${LAST}\n`), {
    what: `the last frame\n${seen.stdout()}`,
  });
  return seen.stdout().split("\n");
}
/** Length of the last datagram: whatever was sent before it has been heard or dropped. */
const LAST = 333;

/** The same node with other flags, once its broker has stopped. */
const restarted = (node: TestNode, command?: readonly string[]) =>
  startBroker({
    ...node,
    flags: ["--guest-mac-check"],
    ...(command === undefined ? {} : { command }),
  });

test("a guest's port sends as its guest, and as nobody else", async () => {
  await using node = await start();
  const guest = await node.plugGuest("guest", MAC);
  const other = await node.plugGuest("other", OTHER_MAC);
  await using client = await bindGuest("udhcpc", guest, node.folder);
  await using second = await bindGuest("udhcpc", other, node.folder);
  const own = ip(await client.address());
  const others = ip(await second.address());
  await node.namespace.exec(ping(own));
  await guest.namespace.exec(ping(others));

  const to = await bridgeMac(node);
  const said = (from: string, source: Ip, length: number) =>
    udp({
      to,
      from,
      source,
      destination: GATEWAY,
      ports: [9999, 9999],
      payload: Buffer.alloc(length),
    });
  const nobody = ip("0.0.0.0");
  const lines = await heard(node, guest, [
    said(MAC, own, 11),
    said(MAC, others, 12),
    said(MAC, FREE, 13),
    said(OTHER_MAC, others, 14),
    said(OTHER_MAC, own, 15),
    said(NOBODY, own, 16),
    said(NOBODY, FREE, 17),
    arpRequest({ from: MAC, ip: own, target: ip("10.202.2.211") }),
    arpRequest({ from: MAC, ip: nobody, target: ip("10.202.2.212") }),
    arpRequest({ from: MAC, ip: others, target: ip("10.202.2.213") }),
    arpRequest({ from: MAC, ip: GATEWAY, target: ip("10.202.2.214") }),
    arpRequest({ from: MAC, sender: OTHER_MAC, ip: own, target: ip("10.202.2.215") }),
    arpRequest({ from: NOBODY, ip: own, target: ip("10.202.2.216") }),
    ethernet(to, MAC, 0x88cc, Buffer.alloc(46)),
    said(MAC, own, LAST),
  ]);
  const lengths = lines.flatMap((line) => /UDP, length (\d+)/.exec(line)?.[1] ?? []);
  expect(lengths).toEqual(["11", String(LAST)]);
  const asked = lines.flatMap((line) => /who-has (10\.202\.2\.21\d) /.exec(line)?.[1] ?? []);
  expect(asked).toEqual(["10.202.2.211", "10.202.2.212"]);
  // The bridge still knows where the other guest is.
  await node.namespace.exec(ping(others));
});

test("a port has one guest: a second MAC gets no address until the first one's is given back", async () => {
  await using node = await start();
  const guest = await node.plugGuest("guest", MAC);
  await using client = await bindGuest("udhcpc", guest, node.folder);
  const own = await client.address();
  await using station = await openStation(guest.namespace, "eth0");
  const discover = udp({
    to: "ff:ff:ff:ff:ff:ff",
    from: NOBODY,
    source: ip("0.0.0.0"),
    destination: ip("255.255.255.255"),
    ports: [68, 67],
    payload: clientPacket({ mac: parseMac(NOBODY) as Mac }),
  });
  await station.send(discover);
  await client.renew();
  expect((await node.leases()).map((lease) => lease.mac)).toEqual([MAC]);
  await client.release();
  await waitFor(async () => (await table(node)).includes(MAC) === false, { what: "no rule of it" });
  await station.send(discover);
  await waitFor(async () => (await node.leases()).some(({ mac }) => mac === NOBODY), {
    what: "an offer",
  });
  expect(await node.lease(own)).toMatchObject({ state: "cooling" });
});

test("containers keep working, and may not speak as a guest", async () => {
  await using node = await start();
  const guest = await node.plugGuest("guest", MAC);
  await using client = await bindGuest("udhcpc", guest, node.folder);
  const own = await client.address();
  await using net = await namespaces("pod");
  const pod = addressOf(await addPod(node, { id: "pod", namespace: net.pod }));
  await net.pod.exec(ping(own));
  await guest.namespace.exec(ping(pod));
  await net.pod.exec(ping(GATEWAY));
  // A changed MAC is the container's own affair, a guest's is not.
  await net.pod.exec(["ip", "link", "set", "eth0", "address", NOBODY]);
  await node.namespace.exec(["ip", "neigh", "flush", "dev", "cni0", "nud", "all"]);
  await net.pod.exec(ping(GATEWAY));
  await net.pod.exec(["ip", "link", "set", "eth0", "address", MAC]);
  const spoofed = await net.pod.attempt(["ping", "-c", "1", "-W", "1", GATEWAY]);
  expect(spoofed.code).not.toBe(0);
});

test("a container that asks for an address by DHCP as well keeps the use of its own, and is not isolated", async () => {
  await using node = await start(["--guest-mac-check", "--guest-isolation"]);
  await using net = await namespaces("pod");
  const { ips, interfaces } = await addPod(node, { id: "pod", namespace: net.pod });
  const own = ips[0]?.address.split("/")[0] ?? "";
  const mac = interfaces.find((one) => one.sandbox !== undefined && one.sandbox !== "")?.mac ?? "";
  await using client = await bindGuest("udhcpc", { namespace: net.pod, mac }, node.folder);
  const leased = await client.address();
  expect(leased).not.toBe(own);
  for (const source of [own, leased]) await net.pod.exec(pingFrom(source));
  // A guest's port is found out in the same moment, and treated as one.
  const guest = await node.plugGuest("guest", MAC);
  await using second = await bindGuest("udhcpc", guest, node.folder);
  await second.address();
  expect(await table(node)).toContain(MAC);
  expect(await table(node)).not.toContain(mac);
  await net.pod.exec(pingFrom(own));
  await waitFor(async () => (await isolatedPorts(node)) === 1, { what: "one isolated port" });
});

test("the table outlives the broker, is put right when it is changed, and goes with teardown or without the flag", async () => {
  await using node = await start();
  const guest = await node.plugGuest("guest", MAC);
  await using client = await bindGuest("udhcpc", guest, node.folder);
  const own = await client.address();
  const before = await table(node);
  expect(before).toContain(`"guest1" . ${MAC} . ${own}`);
  await node.broker.kill();
  // Silent guests are forgotten by the bridge; the table remembers them.
  for (const forget of [["learning", "off"], ["fdb_flush"]])
    await node.namespace.exec(["ip", "link", "set", "guest1", "type", "bridge_slave", ...forget]);
  await node.broker.start();
  expect(await table(node)).toContain(`"guest1" . ${MAC} . ${own}`);
  await guest.namespace.exec(ping(GATEWAY));

  await node.namespace.exec(["nft", "flush", "chain", "bridge", "cocoon-net", "guest"]);
  await waitFor(async () => (await table(node)).includes("saddr @addresses"), {
    what: "the rules to come back",
  });
  await node.namespace.exec(["nft", "delete", "table", "bridge", "cocoon-net"]);
  await waitFor(async () => (await table(node)).includes(MAC), { what: "the table to come back" });
  await guest.namespace.exec(ping(GATEWAY));

  await node.broker.stop();
  const plan = await node.cocoonNet("teardown", "--dry-run");
  expect(plan).toContain("remove the table cocoon-net of nftables' bridge family");
  await node.cocoonNet("teardown");
  expect(await table(node)).toBe("none");
});

test("without the flag a table that was left is taken away", async () => {
  await using node = await start([]);
  await node.broker.stop();
  await node.namespace.exec(["nft", "add", "table", "bridge", "cocoon-net"]);
  await node.broker.start();
  await waitFor(async () => (await table(node)) === "none", { what: "no table" });
});

test("a guest whose port is not known is let through with its own MAC and address, and then bound", async () => {
  await using node = await start([]);
  await using machine = await bootGuest({ ...node, mac: MAC });
  const { ip: own } = await machine.lease();
  await node.broker.stop();
  await node.namespace.exec([
    "ip",
    "link",
    "set",
    machine.tap,
    "type",
    "bridge_slave",
    "fdb_flush",
  ]);
  // The same node, with the check from now on.
  await using checked = await restarted(node);
  expect(await table(node)).toContain(`${MAC} . ${own}`);
  await machine.exec(`ping -c 1 -W 10 ${GATEWAY}`);
  await waitFor(async () => (await table(node)).includes(`"${machine.tap}" . ${MAC} . ${own}`), {
    what: "the guest to be bound to its port",
  });
  await machine.exec(`ping -c 1 -W 10 ${GATEWAY}`);
  expect(checked.logs()).toContain("serving");
});

test("a machine on a tap can neither take another address nor another MAC", async () => {
  await using node = await start();
  await using machine = await bootGuest({ ...node, mac: MAC });
  const { ip: own } = await machine.lease();
  await machine.exec(`ping -c 1 -W 10 ${GATEWAY}`);
  expect(await table(node)).toContain(`"${machine.tap}" . ${MAC} . ${own}`);
  await machine.exec(`ip addr add ${FREE}/24 dev eth0`);
  await expect(machine.exec(`ping -c 1 -W 1 -I ${FREE} ${GATEWAY}`)).rejects.toThrow(/ping/);
  await machine.exec(`ping -c 1 -W 10 ${GATEWAY}`);
  await machine.exec(`ip link set eth0 address ${NOBODY}`);
  await expect(machine.exec(`ping -c 1 -W 1 ${GATEWAY}`)).rejects.toThrow(/ping/);
  await machine.exec(`ip link set eth0 address ${MAC}`);
  await machine.exec(`ping -c 1 -W 10 ${GATEWAY}`);
});

test("without nft the broker says what to install, and does not start", async () => {
  await using node = await start([]);
  await node.broker.stop();
  const daemon = [process.execPath, `${COCOON_NET}.mjs`, "daemon"];
  const started = restarted(node, ["env", `PATH=${node.folder}`, ...daemon]);
  await expect(started).rejects.toThrow(/nft is not installed[\s\S]*apt-get install nftables/);
});
