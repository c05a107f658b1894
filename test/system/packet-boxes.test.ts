// Datagrams in many at a time and out many at a time: what the kernel refuses costs only itself, what is long comes whole.

import { createSocket } from "node:dgram";
import { existsSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import {
  bindSocket,
  closeSocket,
  int32,
  linkIndex,
  openSocket,
  setOption,
} from "#broker/linux/dhcp-libc.ts";
import { PacketInbox } from "#broker/linux/packet-inbox.ts";
import { PacketOutbox } from "#broker/linux/packet-outbox.ts";
import { enterFreshNamespace, run } from "#test/system/fresh-namespace.ts";

const MTU = 1_200;
const PORT = 6_767;
/** IPv6 sends datagrams of its own on a new link; a kernel without it has no such file. */
const NO_IPV6 = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
const linkSchema = z.array(
  z.object({ stats64: z.object({ rx: z.object({ packets: z.number() }) }) }),
);

test.each([
  { refused: [0], of: 3 },
  { refused: [1], of: 3 },
  { refused: [2], of: 3 },
  { refused: [0, 1, 2], of: 3 },
  { refused: [5, 6, 40, 69], of: 70 },
])("of $of datagrams, those at $refused are refused and the others leave", ({ refused, of }) => {
  enterFreshNamespace();
  run(`ip link add here mtu ${MTU} type veth peer name there mtu ${MTU}`);
  if (existsSync(NO_IPV6)) writeFileSync(NO_IPV6, "1");
  for (const link of ["here", "there"]) run(`ip link set ${link} up`);
  const outbox = new PacketOutbox(linkIndex("here"));
  for (let number = 0; number < of; number++)
    outbox.add(new Uint8Array(6).fill(0x02), (datagram) => {
      const length = refused.includes(number) ? MTU + 1 : 100;
      datagram.fill(number, 0, length);
      return length;
    });
  outbox.flush();
  const [there] = z.parse(linkSchema, JSON.parse(run("ip -j -s link show there")));
  const left = of - refused.length;
  expect({ sent: outbox.sent, unsent: outbox.unsent, came: there?.stats64.rx.packets }).toEqual({
    sent: left,
    unsent: refused.length,
    came: left,
  });
  outbox.close();
});

test("the longest datagram there is comes whole, between others", async () => {
  enterFreshNamespace();
  const fd = openSocket("inet");
  setOption(fd, "receiveBufferForce", int32(1 << 20));
  const address = Buffer.alloc(16);
  address.writeUInt16LE(2, 0);
  address.writeUInt16BE(PORT, 2);
  address.writeUInt32BE(0x7f000001, 4);
  bindSocket(fd, address, "the test's port");
  const lengths = [1, 65_507, 300];
  const sender = createSocket("udp4");
  for (const [index, length] of lengths.entries())
    await new Promise((resolve) =>
      sender.send(Buffer.alloc(length, index + 1), PORT, "127.0.0.1", resolve),
    );
  await new Promise<void>((resolve) => sender.close(() => resolve()));
  const came: string[] = [];
  const inbox = new PacketInbox(fd);
  expect(
    inbox.drain((datagram, source) =>
      came.push(`${datagram.length} of ${datagram.at(0)} to ${datagram.at(-1)} from ${source}`),
    ),
  ).toBe(false);
  closeSocket(fd);
  expect(came).toEqual([
    "1 of 1 to 1 from 127.0.0.1",
    "65507 of 2 to 2 from 127.0.0.1",
    "300 of 3 to 3 from 127.0.0.1",
  ]);
});
