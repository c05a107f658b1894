// What the kernel says has changed: link, address, route and neighbour notifications, gathered into one call at a time.
//
// The library behind netlink.ts does not survive an overrun of its buffer, and an overrun is normal here. This socket is
// therefore read with recv(2) by a timer, which gathers as it goes; our own changes are filtered out inside the kernel.

import { BrokerError } from "#core/errors.ts";
import { addressOf, lastErrno, socketCalls } from "./libc.ts";
import { type Message, messageType, readMessages } from "./netlink-codec.ts";
import { neighbourState } from "./route-codec.ts";

export type ChangeKind = "link" | "address" | "route" | "neighbour";

export interface KernelChange {
  readonly kinds: ReadonlySet<ChangeKind>;
  /** Notifications were lost: everything may have changed. */
  readonly lost: boolean;
}

export interface WatchOptions {
  /** {@link Netlink.port} of the socket whose changes are our own and not told. */
  readonly ownPort: number;
  /** Called at most once per {@link GATHER_MS}. */
  readonly onChange: (change: KernelChange) => void;
  /** What went wrong with the watch itself, or inside `onChange`. */
  readonly trouble: (error: Error) => void;
  /** Bytes of notifications that the kernel keeps for us. */
  readonly receiveBuffer?: number;
}

/** Changes within this time are told together. An empty read costs about two microseconds. */
export const GATHER_MS = 100;
/** Notifications read in one turn; the rest waits in the kernel. */
const READ_LIMIT = 4_096;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** The kernel sends no notification longer than this (NLMSG_GOODSIZE is at most 8 kB; links with many functions exceed it). */
const DATAGRAM_BYTES = 64 * 1024;

const AF_NETLINK = 16;
const AF_INET = 2;
const AF_BRIDGE = 7;
const AF_INET6 = 10;
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SO_RCVBUF = 8;
const EAGAIN = 11;
const EINTR = 4;
const ENOBUFS = 105;
/** RTNLGRP_LINK, NEIGH, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE (rtnetlink.h) as bits. */
const GROUPS = [1, 3, 5, 7, 9, 11].reduce((mask, group) => mask | (1 << (group - 1)), 0);

/** Watches the namespace in which it is called, until disposed. */
export function openWatch(options: WatchOptions): Disposable {
  const socket = openSocket(options);
  const buffer = Buffer.alloc(DATAGRAM_BYTES);
  const timer = setInterval(() => {
    try {
      const change = drain(socket, buffer);
      if (change.lost || change.kinds.size > 0) options.onChange(change);
    } catch (thrown) {
      options.trouble(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }, GATHER_MS);
  timer.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      socketCalls.close(socket);
    },
  };
}

function drain(socket: number, buffer: Buffer): KernelChange {
  const kinds = new Set<ChangeKind>();
  let lost = false;
  for (let count = 0; count < READ_LIMIT; count++) {
    const length = socketCalls.recv(socket, buffer, buffer.length, 0);
    if (length < 0) {
      const code = lastErrno();
      if (code === EAGAIN) break;
      if (code === ENOBUFS) lost = true;
      else if (code !== EINTR) throw failure("read kernel notifications", code);
      continue;
    }
    for (const message of readMessages(buffer.subarray(0, length))) {
      const kind = kindOf(message);
      if (kind !== undefined) kinds.add(kind);
    }
  }
  return { kinds, lost };
}

function kindOf(message: Message): ChangeKind | undefined {
  switch (message.type) {
    case messageType.newLink:
    case messageType.deleteLink:
      return "link";
    case messageType.newAddress:
    case messageType.deleteAddress:
      return "address";
    case messageType.newRoute:
    case messageType.deleteRoute:
      return "route";
    case messageType.newNeighbour:
    case messageType.deleteNeighbour:
      return isOfInterest(message) ? "neighbour" : undefined;
    default:
      return undefined;
  }
}

/** Entries that come and go by traffic alone are not: only permanent ones and those that were deleted. */
function isOfInterest({ type, body }: Message): boolean {
  if (body.length < 12) return false;
  const family = body.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) return false;
  const permanent = (body.readUInt16LE(8) & neighbourState.permanent) !== 0;
  return permanent || type === messageType.deleteNeighbour;
}

function openSocket({ ownPort, receiveBuffer = RECEIVE_BUFFER_BYTES }: WatchOptions): number {
  const socket = socketCalls.socket(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, 0);
  if (socket < 0) throw failure("open a netlink socket", lastErrno());
  try {
    setBuffer(socket, receiveBuffer);
    attachFilter(socket, ownPort);
    const address = Buffer.alloc(12);
    address.writeUInt16LE(AF_NETLINK, 0);
    address.writeUInt32LE(GROUPS, 8);
    if (socketCalls.bind(socket, address, address.length) !== 0) {
      throw failure("subscribe to kernel notifications", lastErrno());
    }
    return socket;
  } catch (thrown) {
    socketCalls.close(socket);
    throw thrown;
  }
}

/** Beyond net.core.rmem_max where we may (CAP_NET_ADMIN), else as much as the kernel gives. */
function setBuffer(socket: number, bytes: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(bytes);
  if (socketCalls.setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, value, 4) === 0) return;
  if (socketCalls.setsockopt(socket, SOL_SOCKET, SO_RCVBUF, value, 4) !== 0) {
    throw failure("size the buffer for kernel notifications", lastErrno());
  }
}

/**
 * Classic BPF: dropped before it is queued is what carries our own port (nlmsg_pid, at byte 12), and what tells of stations
 * behind a bridge's ports (ndm_family AF_BRIDGE, at byte 16): each new guest is one, and a boot of many would overrun the
 * buffer and have every route read again.
 */
function attachFilter(socket: number, ownPort: number): void {
  const portAsLoaded = Buffer.alloc(4);
  portAsLoaded.writeUInt32LE(ownPort);
  const program = Buffer.concat([
    instruction(0x20, 0, 0, 12),
    instruction(0x15, 5, 0, portAsLoaded.readUInt32BE(0)),
    instruction(0x28, 0, 0, 4),
    instruction(0x15, 1, 0, asLoaded(messageType.newNeighbour)),
    instruction(0x15, 0, 3, asLoaded(messageType.deleteNeighbour)),
    instruction(0x30, 0, 0, 16),
    instruction(0x15, 0, 1, AF_BRIDGE),
    instruction(0x06, 0, 0, 0),
    instruction(0x06, 0, 0, 0xffff_ffff),
  ]);
  const header = Buffer.alloc(16);
  header.writeUInt16LE(program.length / 8, 0);
  header.writeBigUInt64LE(addressOf(program), 8);
  if (socketCalls.setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length) !== 0) {
    throw failure("filter kernel notifications", lastErrno());
  }
}

/** A number of 16 bits as BPF loads it: in network order, whatever the host's. */
function asLoaded(value: number): number {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes.readUInt16BE();
}

function instruction(code: number, whenTrue: number, whenFalse: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(whenTrue, 2);
  bytes.writeUInt8(whenFalse, 3);
  bytes.writeUInt32LE(value, 4);
  return bytes;
}

const failure = (what: string, code: number): BrokerError =>
  new BrokerError("system-failure", `cannot ${what} (errno ${code})`, {
    hint: "the broker needs CAP_NET_ADMIN and AF_NETLINK; check the unit's restrictions",
  });
