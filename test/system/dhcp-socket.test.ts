// The DHCP server on a real bridge: what passes the kernel's filter, what leaves on the wire, and the socket's own life.

import { describe, expect, test } from "vitest";
import { decodeReply } from "#broker/dhcp/reply.ts";
import { LONGEST_REQUEST } from "#broker/linux/dhcp-filter.ts";
import { addBridge } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { client, clientPacket } from "#test/dhcp/client-packet.ts";
import {
  captureReplies,
  dhcpSetting,
  GUEST_MAC,
  plug,
  sendDatagram,
  sendRaw,
  startServer,
  throughRelay,
} from "#test/system/dhcp-setting.ts";

const guest = client(5);
const BROADCAST = 0x8000;

describe("the kernel's filter", () => {
  test("lets a guest's own packets pass, and neither a forged chaddr nor a relay", async () => {
    await using net = await dhcpSetting();
    for (const forged of [client(6), client(0x55)])
      await sendRaw(net.guest, clientPacket({ mac: forged }));
    await sendRaw(net.guest, clientPacket({ mac: guest, giaddr: "10.92.0.9" }));
    await sendRaw(net.guest, clientPacket({ mac: guest }).slice(0, 24));
    await sendRaw(net.guest, clientPacket({ mac: guest }));
    // In order: the last one shows that those before it were dropped.
    await waitFor(
      async () => JSON.stringify(await net.server.ask("counters")).includes('"offer":1'),
      { what: "the offer" },
    );
    expect(await net.server.ask("counters")).toMatchObject({
      received: { discover: 1 },
      sent: { offer: 1, nak: 0 },
      dropped: {},
      socket: { sent: 1, unsent: 0 },
    });
  });

  test("lets no datagram pass that is longer than any client's", async () => {
    await using net = await dhcpSetting();
    await net.guest.exec(["ip", "addr", "add", "10.92.0.9/24", "dev", "eth0"]);
    const padded = (length: number) => {
      const message = Buffer.alloc(length);
      message.set(clientPacket({ mac: guest }));
      return message;
    };
    for (const length of [65_507, LONGEST_REQUEST + 1, LONGEST_REQUEST])
      await sendDatagram(net.guest, "10.92.0.1", padded(length));
    await waitFor(
      async () => JSON.stringify(await net.server.ask("counters")).includes('"offer":1'),
      { what: "the offer" },
    );
    expect(await net.server.ask("counters")).toMatchObject({
      received: { discover: 1 },
      dropped: {},
    });
  });

  test("lets relays pass where they are allowed, and their answer goes to the relay's port 67", async () => {
    await using net = await dhcpSetting("relay");
    await net.guest.exec(["ip", "addr", "add", "10.92.0.9/24", "dev", "eth0"]);
    const answer = await throughRelay(
      net.guest,
      "10.92.0.9",
      clientPacket({ mac: client(77), giaddr: "10.92.0.9" }),
    );
    expect(decodeReply(Buffer.from(answer, "hex"))).toMatchObject({
      type: "offer",
      giaddr: "10.92.0.9",
    });
    await sendRaw(net.guest, clientPacket({ mac: client(78) }));
    await sendRaw(net.guest, clientPacket({ mac: guest }));
    await waitFor(
      async () => JSON.stringify(await net.server.ask("counters")).includes('"offer":2'),
      { what: "the offer" },
    );
    expect(await net.server.ask("counters")).toMatchObject({ received: { discover: 2 } });
  });
});

test.each([
  ["unicast", 0, "10.92.0.2.68", GUEST_MAC],
  ["broadcast", BROADCAST, "255.255.255.255.68", GUEST_MAC],
])(
  "an offer to a guest that wants %s leaves with a full checksum, without a question before it",
  async (_what, flags, address, mac) => {
    await using net = await dhcpSetting();
    await using capture = await captureReplies(net.guest);
    await using asked = net.guest.spawn(["tcpdump", "-l", "-n", "-i", "eth0", "arp"]);
    await waitFor(() => asked.stderr().includes("listening on"), { what: "tcpdump" });
    await sendRaw(net.guest, clientPacket({ mac: guest, flags }));
    await waitFor(() => capture.stdout().includes("BOOTP/DHCP, Reply"), { what: "the offer" });
    expect(capture.stdout()).toContain(`> ${mac}, ethertype IPv4`);
    expect(capture.stdout()).toContain(`10.92.0.1.67 > ${address}: [udp sum ok]`);
    expect(asked.stdout()).toBe("");
  },
);

test("a NAK reaches every station", async () => {
  await using net = await dhcpSetting();
  await using capture = await captureReplies(net.guest);
  await sendRaw(net.guest, clientPacket({ mac: guest, type: "request", requested: "10.8.0.2" }));
  await waitFor(() => capture.stdout().includes("BOOTP/DHCP, Reply"), { what: "the NAK" });
  expect(capture.stdout()).toContain("> ff:ff:ff:ff:ff:ff, ethertype IPv4");
  expect(capture.stdout()).toContain("10.92.0.1.67 > 255.255.255.255.68: [udp sum ok]");
});

describe("the socket", () => {
  test("is found dead with its bridge and serves the new one after reopening", async () => {
    await using net = await dhcpSetting();
    const bridgeIndex = async () =>
      Number(await net.node.exec(["cat", "/sys/class/net/cni0/ifindex"]));
    expect(await net.server.ask("link")).toBe(await bridgeIndex());
    await net.node.exec(["ip", "link", "del", "cni0"]);
    await net.node.exec(["ip", "link", "del", "guest0"]);
    expect(await net.server.ask("reopen")).toBe("there is no link cni0");
    expect(await net.server.ask("link")).toBe("none");
    await addBridge(net.node, "cni0", "10.92.0.1/24");
    await plug(net);
    await net.server.ask("reopen");
    expect(await net.server.ask("link")).toBe(await bridgeIndex());
    await sendRaw(net.guest, clientPacket({ mac: guest }));
    await waitFor(
      async () => JSON.stringify(await net.server.ask("counters")).includes('"offer":1'),
      { what: "the offer" },
    );
    expect(await net.server.ask("counters")).toMatchObject({
      socket: { sent: 1, unsent: 0, reopened: 1 },
    });
  });

  test("is one for each bridge: a second server is refused by name", async () => {
    await using net = await dhcpSetting();
    await expect(startServer(net.node, "cni0")).rejects.toThrow(
      /cannot bind port 67 of cni0: another DHCP server/,
    );
    await addBridge(net.node, "other", "10.92.0.1/24");
    const second = await startServer(net.node, "other");
    await second.process.stop();
  });

  test("is never opened on anything but a bridge", async () => {
    await using net = await dhcpSetting();
    await expect(startServer(net.node, "guest0")).rejects.toThrow(/guest0 is not a bridge/);
    await expect(startServer(net.node, "nothing0")).rejects.toThrow(/there is no link nothing0/);
  });

  test("closes without holding its process", async () => {
    await using net = await dhcpSetting();
    await sendRaw(net.guest, clientPacket({ mac: guest }));
    net.server.process.write("end\n");
    expect(await net.server.process.exited).toMatchObject({ code: 0, stderr: "" });
  });
});
