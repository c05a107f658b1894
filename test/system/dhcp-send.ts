// Sends one DHCP packet from a link, as a guest does that has no address: arguments are the link and the message in hexadecimal.

import { argv } from "node:process";
import { linkIndex } from "#broker/linux/dhcp-libc.ts";
import { writeDatagram } from "#broker/linux/ip-datagram.ts";
import { PacketOutbox } from "#broker/linux/packet-outbox.ts";

const [, , link = "eth0", hex = ""] = argv;
const outbox = new PacketOutbox(linkIndex(link));
const flow = { source: 0, destination: 0xffffffff, sourcePort: 68, destinationPort: 67 };
outbox.add(new Uint8Array(6).fill(255), (datagram) =>
  writeDatagram(datagram, flow, Buffer.from(hex, "hex")),
);
outbox.flush();
outbox.close();
