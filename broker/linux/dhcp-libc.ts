// The socket calls that Node does not offer: options, device binding, packet sockets, many datagrams in one call.

import { getSystemErrorName } from "node:util";
import koffi from "koffi";
import { BrokerError } from "#core/errors.ts";
import { addressOf, interfaceIndex, lastErrno, socketCalls } from "./libc.ts";

const AF_INET = 2;
export const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const MSG_DONTWAIT = 0x40;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GET_DRIVER = 3;
const DRIVER_INFO_SIZE = 196;
const NAME_SIZE = 16;
const REQUEST_SIZE = 40;

/** asm-generic/socket.h. */
export const socketOption = {
  broadcast: 6,
  noChecksum: 11,
  bindToDevice: 25,
  attachFilter: 26,
  sendBufferForce: 32,
  receiveBufferForce: 33,
} as const;

const libc = koffi.load("libc.so.6");
// koffi gives functions of unknown shape; the C prototypes beside them are their types.
const ioctl = libc.func("int ioctl(int, unsigned long, void*)") as (
  fd: number,
  code: number,
  value: Buffer,
) => number;
const sendmmsg = libc.func("int sendmmsg(int, void*, uint32_t, int)") as (
  ...of: [fd: number, messages: Buffer, count: number, flags: number]
) => number;

const recvmmsg = libc.func("int recvmmsg(int, void*, uint32_t, int, void*)") as (
  ...of: [fd: number, messages: Buffer, count: number, flags: number, timeout: null]
) => number;

/** A non-blocking datagram socket of the family; throws when the kernel refuses. */
export function openSocket(family: "inet" | "packet"): number {
  const domain = family === "inet" ? AF_INET : AF_PACKET;
  const fd = socketCalls.socket(domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return checked(fd, `open a ${family} socket`);
}

export function setOption(fd: number, option: keyof typeof socketOption, value: Buffer): void {
  checked(
    socketCalls.setsockopt(fd, SOL_SOCKET, socketOption[option], value, value.length),
    `set ${option} on the DHCP socket`,
  );
}

export function bindSocket(fd: number, address: Buffer, what: string): void {
  checked(socketCalls.bind(fd, address, address.length), `bind ${what}`);
}

export const closeSocket = (fd: number): void => {
  socketCalls.close(fd);
};

/** How many of the `count` messages (struct mmsghdr) the kernel took. */
export function sendMessages(fd: number, messages: Buffer, count: number): number {
  return Math.max(0, sendmmsg(fd, messages, count, MSG_DONTWAIT));
}

/** How many of the `count` messages (struct mmsghdr) the kernel filled without waiting. */
export function receiveMessages(fd: number, messages: Buffer, count: number): number {
  return Math.max(0, recvmmsg(fd, messages, count, MSG_DONTWAIT, null));
}

/** The link's index; throws `not-ready` when there is none of that name. */
export function linkIndex(name: string): number {
  const index = interfaceIndex(name);
  if (index !== undefined) return index;
  throw new BrokerError("not-ready", `there is no link ${name}`, {
    hint: "the broker makes the bridge at its start; ip link shows what is there",
  });
}

/** The name of the driver behind a link, for example `bridge` or `veth` (SIOCETHTOOL). */
export function linkDriver(fd: number, name: string): string {
  const answer = Buffer.alloc(DRIVER_INFO_SIZE);
  answer.writeUInt32LE(ETHTOOL_GET_DRIVER, 0);
  const request = Buffer.alloc(REQUEST_SIZE);
  request.write(name, 0, NAME_SIZE - 1, "latin1");
  request.writeBigUInt64LE(addressOf(answer), NAME_SIZE);
  checked(ioctl(fd, SIOCETHTOOL, request), `ask what kind of link ${name} is`);
  return answer.toString("latin1", 4, 36).replace(/\0.*$/s, "");
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function checked(result: number, what: string): number {
  if (result >= 0) return result;
  const name = getSystemErrorName(-lastErrno());
  if (name === "EPERM" || name === "EACCES")
    throw new BrokerError("permission-denied", `the kernel does not let us ${what} (${name})`, {
      hint: "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE",
    });
  if (name === "EADDRINUSE")
    throw new BrokerError("system-failure", `cannot ${what}: another DHCP server holds it`, {
      hint: "ss -lunp 'sport = :67' names it; stop it or keep it off this bridge",
    });
  throw new BrokerError("system-failure", `cannot ${what}: ${name}`);
}
