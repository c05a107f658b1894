// Hears what DHCP servers say on the bridge, and asks as a guest would: how a second server on it is found.

import { readFileSync } from "node:fs";
import { type Ip, type Mac, ipv4FromUint, macFromBytes, parseMac } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import type { HeardReply, ReplyTap } from "#broker/dhcp/socket-port.ts";
import { writeDatagram } from "./ip-datagram.ts";
import { addressOf, interfaceIndex, lastErrno, socketCalls } from "./libc.ts";
import { PacketOutbox } from "./packet-outbox.ts";

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
/** ETH_P_IP in network order: frames of that protocol that arrive; our own that leave are not among them. */
const IPV4 = 0x0008;
const ADDRESS_BYTES = 20;
const FRAME_BYTES = 2_048;
/** A flood of replies is cut off by the kernel. */
const RECEIVE_BUFFER_BYTES = 64 * 1024;
const READ_LIMIT = 64;
const ETHERNET_HEADER = 14;
/** Without options (RFC 791 3.1). */
const IP_HEADER = 20;
const UDP_HEADER = 8;
const SERVER_PORT = 67;
const CLIENT_PORT = 68;
const BROADCAST_FLOW = {
  source: 0,
  destination: 0xffffffff,
  sourcePort: CLIENT_PORT,
  destinationPort: SERVER_PORT,
};

/** `bridge` may be made anew: the tap follows it at the next look. While there is none, nothing is heard. */
export function openReplyTap(bridge: string): ReplyTap {
  let opened: { readonly fd: number; readonly link: number } | undefined;
  const frame = Buffer.alloc(FRAME_BYTES);
  const close = (): void => {
    if (opened !== undefined) socketCalls.close(opened.fd);
    opened = undefined;
  };
  const follow = (): typeof opened => {
    const link = interfaceIndex(bridge);
    if (link === opened?.link) return opened;
    close();
    if (link !== undefined) opened = { fd: openOn(link), link };
    return opened;
  };
  return {
    hear() {
      const tap = follow();
      const heard: HeardReply[] = [];
      for (let read = 0; tap !== undefined && read < READ_LIMIT; read++) {
        const length = socketCalls.recv(tap.fd, frame, frame.length, 0);
        if (length <= 0) break;
        const reply = replyIn(frame.subarray(0, length));
        if (reply !== undefined) heard.push(reply);
      }
      return heard;
    },
    ask(message) {
      const tap = follow();
      const mac = macOf(bridge);
      if (tap === undefined || mac === undefined) return;
      const outbox = new PacketOutbox(tap.link);
      outbox.add(new Uint8Array(6).fill(0xff), (target) =>
        writeDatagram(target, BROADCAST_FLOW, message(mac)),
      );
      outbox.flush();
      outbox.close();
    },
    [Symbol.dispose]: close,
  };
}

/** Undefined while there is no such link. */
function macOf(link: string): Mac | undefined {
  try {
    return parseMac(readFileSync(`/sys/class/net/${link}/address`, "utf8").trim());
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}

/** Undefined for a frame without room for its headers: the filter looks at no more than it needs. */
function replyIn(frame: Buffer): HeardReply | undefined {
  const header = (frame.readUInt8(ETHERNET_HEADER) & 0x0f) * 4;
  if (header < IP_HEADER || frame.length < ETHERNET_HEADER + header + UDP_HEADER) return undefined;
  const mac: Mac = macFromBytes(frame.subarray(6, 12));
  const source: Ip = ipv4FromUint(frame.readUInt32BE(ETHERNET_HEADER + 12));
  // The frame is read again for the next one.
  const message = Uint8Array.from(frame.subarray(ETHERNET_HEADER + header + UDP_HEADER));
  return { mac, source, message };
}

function openOn(link: number): number {
  const fd = socketCalls.socket(AF_PACKET, SOCK_RAW_CLOEXEC_NONBLOCK, 0);
  if (fd < 0) throw failure("open a packet socket");
  const size = Buffer.alloc(4);
  size.writeInt32LE(RECEIVE_BUFFER_BYTES);
  const address = Buffer.alloc(ADDRESS_BYTES);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16LE(IPV4, 2);
  address.writeInt32LE(link, 4);
  const program = serverReplies();
  const described = Buffer.alloc(16);
  described.writeUInt16LE(program.length / 8, 0);
  described.writeBigUInt64LE(addressOf(program), 8);
  const made =
    socketCalls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, size.length) === 0 &&
    socketCalls.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, described, described.length) === 0 &&
    socketCalls.bind(fd, address, address.length) === 0;
  if (made) return fd;
  const error = failure("listen for other DHCP servers");
  socketCalls.close(fd);
  throw error;
}

/** Classic BPF: whole UDP datagrams of IPv4 from port 67 to port 68. */
function serverReplies(): Buffer {
  return Buffer.concat([
    instruction(0x30, 0, 0, ETHERNET_HEADER + 9),
    instruction(0x15, 0, 6, 17),
    instruction(0x28, 0, 0, ETHERNET_HEADER + 6),
    instruction(0x45, 4, 0, 0x3fff),
    instruction(0xb1, 0, 0, ETHERNET_HEADER),
    instruction(0x40, 0, 0, ETHERNET_HEADER),
    instruction(0x15, 0, 1, SERVER_PORT * 0x10000 + CLIENT_PORT),
    instruction(0x06, 0, 0, FRAME_BYTES),
    instruction(0x06, 0, 0, 0),
  ]);
}

function instruction(code: number, whenTrue: number, whenFalse: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(whenTrue, 2);
  bytes.writeUInt8(whenFalse, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

const failure = (what: string): BrokerError =>
  new BrokerError("system-failure", `cannot ${what} (errno ${lastErrno()})`, {
    hint: "the broker needs CAP_NET_RAW and AF_PACKET; check the unit's restrictions",
  });
