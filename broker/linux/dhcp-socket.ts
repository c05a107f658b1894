// Port 67 of one bridge: a device-bound UDP socket with a kernel filter to receive, a packet socket to answer guests.

import { type Socket, createSocket } from "node:dgram";
import { type Ip, ipv4FromUint, ipv4ToUint } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import type { Destination, DhcpSocket, SocketCounters } from "#broker/dhcp/socket-port.ts";
import { filterProgram, instructionCount } from "./dhcp-filter.ts";
import {
  bindSocket,
  closeSocket,
  int32,
  linkDriver,
  linkIndex,
  openSocket,
  setOption,
} from "./dhcp-libc.ts";
import { type Flow, writeDatagram } from "./ip-datagram.ts";
import { addressOf, interfaceIndex } from "./libc.ts";
import { Gathering } from "./packet-gathering.ts";
import { PacketInbox } from "./packet-inbox.ts";
import { PacketOutbox } from "./packet-outbox.ts";

const SERVER_PORT = 67;
const CLIENT_PORT = 68;
/** About 13,000 datagrams: what arrives while a commit or a collection holds the event loop. */
const RECEIVE_BUFFER_BYTES = 8 << 20;
const EVERY_STATION = Uint8Array.of(255, 255, 255, 255, 255, 255);
const BROADCAST = 0xffffffff;
/** Datagrams that one turn of the loop takes in calls of 64; the rest waits in the kernel for the next. */
const CALLS_PER_TURN = 4;
/** Offset of the hardware address in a BOOTP message (RFC 951 3). */
const CHADDR = 28;
const AF_INET = 2;

export interface DhcpSocketOptions {
  /** Name of the bridge; refused when it is any other kind of link. */
  readonly bridge: string;
  /** The bridge's own address: source of every reply. */
  readonly address: Ip;
  /** Whether datagrams that name a relay pass the filter. */
  readonly allowRelay: boolean;
  /** Told of errors of the socket that no caller waits for. */
  readonly trouble: (error: Error) => void;
}

/**
 * Opens the socket. Throws `not-ready` without the bridge, `foreign-bridge` when the link is none, `permission-denied`,
 * or `system-failure` (another server on the port).
 */
export async function openDhcpSocket(options: DhcpSocketOptions): Promise<DhcpSocket> {
  const socket = new BridgeSocket(options);
  await socket.open();
  return socket;
}

interface Opened {
  readonly udp: Socket;
  readonly inbox: PacketInbox;
  readonly outbox: PacketOutbox;
  readonly link: number | undefined;
}

class BridgeSocket implements DhcpSocket {
  readonly #options: DhcpSocketOptions;
  readonly #source: number;
  #opened: Opened | undefined;
  #handler: (datagram: Uint8Array, source: Ip) => void = () => undefined;
  #flushing = false;
  readonly #gathering = new Gathering();
  #turned = false;
  #calls = 0;
  #totals = { sent: 0, unsent: 0, reopened: 0 };

  constructor(options: DhcpSocketOptions) {
    this.#options = options;
    this.#source = ipv4ToUint(options.address);
  }

  async open(): Promise<void> {
    const { bridge, allowRelay, trouble } = this.#options;
    const link = linkIndex(bridge);
    const outbox = new PacketOutbox(link);
    try {
      const fd = boundTo(bridge, allowRelay);
      const udp = await adopt(fd);
      udp.on("error", trouble);
      // The kernel writes addresses in canonical form.
      udp.on("message", (datagram, { address }) => {
        this.#beginTurn();
        this.#deliver(datagram, address as Ip);
        this.#drain();
      });
      // One socket is bound by the bridge's index, the other by its name: they may be two bridges if it changed meanwhile.
      const same = interfaceIndex(bridge) === link;
      const inbox = new PacketInbox(fd);
      this.#opened = { udp, inbox, outbox, link: same ? link : undefined };
    } catch (thrown) {
      outbox.close();
      throw thrown;
    }
  }

  get link(): number | undefined {
    return this.#opened?.link;
  }

  receive(handler: (datagram: Uint8Array, source: Ip) => void): void {
    this.#handler = handler;
  }

  send(reply: Uint8Array, destination: Destination): void {
    const opened = this.#opened;
    if (opened === undefined) {
      this.#totals.unsent += 1;
      return;
    }
    if (destination.kind === "relay") return this.#sendToRelay(opened.udp, reply, destination.ip);
    const everyone = destination.kind === "everyone";
    const flow: Flow = {
      source: this.#source,
      destination: everyone ? BROADCAST : ipv4ToUint(destination.ip),
      sourcePort: SERVER_PORT,
      destinationPort: CLIENT_PORT,
    };
    const mac = everyone ? EVERY_STATION : reply.subarray(CHADDR, CHADDR + 6);
    opened.outbox.add(mac, (datagram) => writeDatagram(datagram, flow, reply));
    this.#flushSoon();
  }

  async reopen(): Promise<void> {
    await this.#close();
    await this.open();
    this.#totals.reopened += 1;
  }

  counters(): SocketCounters {
    const { sent = 0, unsent = 0 } = this.#opened?.outbox ?? {};
    const totals = this.#totals;
    return { ...totals, sent: totals.sent + sent, unsent: totals.unsent + unsent };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  /** The first datagram of a turn of the loop is here. */
  #beginTurn(): void {
    if (this.#turned) return;
    this.#turned = true;
    setImmediate(() => {
      this.#turned = false;
      this.#calls = 0;
    });
    this.#gathering.begin();
  }

  readonly #deliver = (datagram: Uint8Array, source: Ip): void => {
    this.#gathering.count();
    this.#handler(datagram, source);
  };

  /** Node's socket says that something came and brings the first datagram; what waits behind it comes in few calls. */
  #drain(): void {
    while (this.#calls < CALLS_PER_TURN && this.#opened !== undefined) {
      this.#calls += 1;
      if (!this.#opened.inbox.drain(this.#deliver)) break;
    }
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#opened?.outbox.flush();
    });
  }

  #sendToRelay(udp: Socket, reply: Uint8Array, relay: Ip): void {
    udp.send(reply, SERVER_PORT, relay, (error) => {
      if (error === null) this.#totals.sent += 1;
      else this.#totals.unsent += 1;
    });
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    opened.outbox.flush();
    this.#totals = this.counters();
    this.#opened = undefined;
    opened.outbox.close();
    await new Promise<void>((resolve) => opened.udp.close(() => resolve()));
  }
}

/** A descriptor on port 67 of that bridge alone. Without SO_REUSEADDR: a second server on the bridge is refused. */
function boundTo(bridge: string, allowRelay: boolean): number {
  const fd = openSocket("inet");
  try {
    if (linkDriver(fd, bridge) !== "bridge")
      throw new BrokerError(
        "foreign-bridge",
        `${bridge} is not a bridge; DHCP is served on bridges alone`,
        {
          hint: "name the bridge that guests are plugged into with --bridge",
        },
      );
    // The device first: bound before it, the port would be taken on every link for a moment.
    setOption(fd, "bindToDevice", Buffer.from(`${bridge}\0`));
    setOption(fd, "broadcast", int32(1));
    setOption(fd, "receiveBufferForce", int32(RECEIVE_BUFFER_BYTES));
    setOption(fd, "noChecksum", int32(1));
    attachFilter(fd, filterProgram(allowRelay));
    bindSocket(
      fd,
      internetAddress(ipv4FromUint(0), SERVER_PORT),
      `port ${SERVER_PORT} of ${bridge}`,
    );
    return fd;
  } catch (thrown) {
    closeSocket(fd);
    throw thrown;
  }
}

function attachFilter(fd: number, program: Uint8Array): void {
  const instructions = Buffer.from(program);
  const described = Buffer.alloc(16);
  described.writeUInt16LE(instructionCount(program), 0);
  described.writeBigUInt64LE(addressOf(instructions), 8);
  setOption(fd, "attachFilter", described);
}

function internetAddress(ip: Ip, port: number): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.writeUInt32BE(ipv4ToUint(ip), 4);
  return address;
}

/** Gives the descriptor to Node, which closes it from then on. */
function adopt(fd: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.bind({ fd, exclusive: true }, () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
