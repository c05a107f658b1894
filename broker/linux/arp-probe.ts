// Asks on one network card who has an address (RFC 826), without the kernel's own tables, in which that address is ours.

import type { Ip, Mac } from "#core/address.ts";
import { macFromBytes } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { lastErrno, socketCalls } from "./libc.ts";
import { ipBytes } from "./route-codec.ts";

export interface ArpQuestion {
  /** Index of the card, and its own MAC. */
  readonly link: number;
  readonly mac: Mac;
  readonly wanted: Ip;
  /** An address that belongs to the card, so that the network lets the question pass. */
  readonly sender: Ip;
}

/** How often is asked, how long each answer may take, and how often is looked for one, in milliseconds. */
const ATTEMPTS = 3;
const PATIENCE_MS = 300;
const LOOK_MS = 10;
/** Frames read in one look: a busy segment's other questions are not ours to wade through for ever. */
const READ_LIMIT = 256;

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0o2000000 | 0o4000;
const ETHERNET_ARP = 0x0806;
const FRAME_BYTES = 42;
const REQUEST = 1;
const REPLY = 2;
const BROADCAST = "ff:ff:ff:ff:ff:ff";

/** The MAC of the first answer; undefined when nobody answers. Throws `system-failure` without CAP_NET_RAW. */
export async function whoHas(question: ArpQuestion): Promise<Mac | undefined> {
  const socket = open(question.link);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const frame = arpRequest(question);
      // A link that is down lets nothing out: whoever asked learns nothing, and asks again.
      if (socketCalls.send(socket, frame, frame.length, 0) < 0) return undefined;
      for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
        const mac = readAnswer(socket, question);
        if (mac !== undefined) return mac;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    }
    return undefined;
  } finally {
    socketCalls.close(socket);
  }
}

function readAnswer(socket: number, question: ArpQuestion): Mac | undefined {
  const buffer = Buffer.alloc(128);
  for (let count = 0; count < READ_LIMIT; count++) {
    const length = socketCalls.recv(socket, buffer, buffer.length, 0);
    if (length < 0) return undefined;
    const mac = answerIn(buffer.subarray(0, length), question);
    if (mac !== undefined) return mac;
  }
  return undefined;
}

/** An Ethernet frame with the question. */
export function arpRequest({ mac, wanted, sender }: ArpQuestion): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  const own = macBytes(mac);
  macBytes(BROADCAST).copy(frame, 0);
  own.copy(frame, 6);
  frame.writeUInt16BE(ETHERNET_ARP, 12);
  // Hardware type Ethernet, protocol IPv4, their lengths.
  frame.set([0, 1, 8, 0, 6, 4], 14);
  frame.writeUInt16BE(REQUEST, 20);
  own.copy(frame, 22);
  ipBytes(sender).copy(frame, 28);
  ipBytes(wanted).copy(frame, 38);
  return frame;
}

/** Who answers the question in this frame; undefined when it is another one. */
export function answerIn(
  frame: Buffer,
  { mac, wanted }: Pick<ArpQuestion, "mac" | "wanted">,
): Mac | undefined {
  if (frame.length < FRAME_BYTES || frame.readUInt16BE(12) !== ETHERNET_ARP) return undefined;
  if (frame.readUInt16BE(20) !== REPLY || !frame.subarray(28, 32).equals(ipBytes(wanted)))
    return undefined;
  if (!frame.subarray(32, 38).equals(macBytes(mac))) return undefined;
  // A group address as a sender is nobody (IEEE 802).
  return (frame.readUInt8(22) & 1) === 0 ? macFromBytes(frame.subarray(22, 28)) : undefined;
}

function open(link: number): number {
  const bigEndianArp = ((ETHERNET_ARP & 0xff) << 8) | (ETHERNET_ARP >> 8);
  const socket = socketCalls.socket(AF_PACKET, SOCK_RAW_CLOEXEC_NONBLOCK, bigEndianArp);
  if (socket < 0) throw failure("open a packet socket");
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETHERNET_ARP, 2);
  address.writeInt32LE(link, 4);
  if (socketCalls.bind(socket, address, address.length) !== 0) {
    const error = failure("bind a packet socket");
    socketCalls.close(socket);
    throw error;
  }
  return socket;
}

const failure = (what: string): BrokerError =>
  new BrokerError("system-failure", `cannot ${what} (errno ${lastErrno()})`, {
    hint: "the broker needs CAP_NET_RAW and AF_PACKET; check the unit's restrictions",
  });

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(":", ""), "hex");
