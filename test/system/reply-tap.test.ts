// What the kernel's filter takes for a server's reply and what is none: it hides nothing that came beside it.

import { existsSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { linkIndex } from "#broker/linux/dhcp-libc.ts";
import { writeDatagram } from "#broker/linux/ip-datagram.ts";
import { PacketOutbox } from "#broker/linux/packet-outbox.ts";
import { openReplyTap } from "#broker/linux/reply-tap.ts";
import { enterFreshNamespace, run } from "#test/system/fresh-namespace.ts";

const NO_IPV6 = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
const FLOW = { source: 0x0ac90901, destination: 0xffffffff, sourcePort: 67, destinationPort: 68 };
const ETHERNET_HEADER = 14;

test.each([24, 29, 33, 41])("a frame of %i bytes without its headers is passed over", (length) => {
  enterFreshNamespace();
  run("ip link add here type veth peer name there");
  if (existsSync(NO_IPV6)) writeFileSync(NO_IPV6, "1");
  for (const link of ["here", "there"]) run(`ip link set ${link} up`);
  using tap = openReplyTap("there");
  expect(tap.hear()).toEqual([]);
  const outbox = new PacketOutbox(linkIndex("here"));
  const everyone = new Uint8Array(6).fill(0xff);
  for (const message of [Uint8Array.of(1), Uint8Array.of(2)]) {
    outbox.add(everyone, (datagram) => writeDatagram(datagram, FLOW, message));
    outbox.add(everyone, (datagram) => {
      const size = length - ETHERNET_HEADER;
      // The ports where an IP header without a length would have them end, and UDP as its protocol.
      datagram.fill(0, 0, size);
      datagram.set([0, 67, 0, 68]);
      datagram[9] = 17;
      return size;
    });
  }
  outbox.flush();
  expect(tap.hear().map(({ source, message }) => [source, [...message]])).toEqual([
    ["10.201.9.1", [1]],
    ["10.201.9.1", [2]],
  ]);
  outbox.close();
});
