// An Ethernet link seen raw, inside whichever namespace the process is in: DHCP datagrams out as frames, replies in.

import { ipv4ToUint, ip } from "#core/address.ts";
import { HEADERS_SIZE, writeDatagram } from "#broker/linux/ip-datagram.ts";
import { interfaceIndex, lastErrno, socketCalls } from "#broker/linux/libc.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
/** ETH_P_IP in network order; 0 hears nothing. */
const IPV4 = 0x0008;
const MSG_DONTWAIT = 0x40;
const ENOBUFS = 105;
const FRAME_HEADER = 14;
const FRAME_LIMIT = 2_048;

export interface Wire {
  /** False when the kernel's queue is full. */
  send(mac: Uint8Array, payload: Uint8Array, source?: string): boolean;
  /** The payload of the next datagram from port 67 to port 68 that is waiting. */
  next(): Uint8Array | undefined;
}

/** Throws where a packet socket is not allowed. */
export function openWire(link: string, hears: boolean): Wire {
  const fd = socketCalls.socket(AF_PACKET, SOCK_RAW, hears ? IPV4 : 0);
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16LE(hears ? IPV4 : 0, 2);
  address.writeInt32LE(interfaceIndex(link) ?? 0, 4);
  if (fd < 0 || socketCalls.bind(fd, address, address.length) !== 0)
    throw new Error(`cannot open ${link} (errno ${lastErrno()}): run as root`);
  const out = Buffer.alloc(FRAME_LIMIT);
  const heard = Buffer.alloc(FRAME_LIMIT);
  return {
    send(mac, payload, source = "0.0.0.0") {
      out.fill(0xff, 0, 6);
      out.set(mac, 6);
      out.writeUInt16BE(0x0800, 12);
      const flow = {
        source: ipv4ToUint(ip(source)),
        destination: 0xffff_ffff,
        sourcePort: 68,
        destinationPort: 67,
      };
      writeDatagram(out.subarray(FRAME_HEADER), flow, payload);
      const length = FRAME_HEADER + HEADERS_SIZE + payload.length;
      if (socketCalls.send(fd, out, length, MSG_DONTWAIT) === length) return true;
      if (lastErrno() === ENOBUFS || lastErrno() === 11) return false;
      throw new Error(`a frame did not leave (errno ${lastErrno()})`);
    },
    next() {
      for (;;) {
        const length = socketCalls.recv(fd, heard, heard.length, MSG_DONTWAIT);
        if (length <= 0) return undefined;
        const udp = FRAME_HEADER + (heard.readUInt8(FRAME_HEADER) & 0x0f) * 4;
        const isReply =
          length > udp + 8 &&
          heard.readUInt8(FRAME_HEADER + 9) === 17 &&
          heard.readUInt16BE(udp) === 67 &&
          heard.readUInt16BE(udp + 2) === 68;
        if (isReply) return Uint8Array.from(heard.subarray(udp + 8, length));
      }
    },
  };
}
