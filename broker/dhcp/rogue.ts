// What shows another DHCP server: our question to it, and its answer to anybody.

import { type Ip, type Mac, macToBytes } from "#core/address.ts";
import { messageTypes } from "./message.ts";
import { fieldOf, options, readOption } from "./options.ts";
import {
  BOOT_REPLY,
  BOOT_REQUEST,
  BROADCAST_FLAG,
  ETHERNET,
  decodePacket,
  encodePacket,
} from "./packet.ts";
import type { HeardReply } from "./socket-port.ts";

export interface OtherServer {
  readonly mac: Mac;
  /** Its server identifier, else the address it speaks from. */
  readonly server: Ip;
}

const CHADDR_BYTES = 16;
const answers = new Set<number>([messageTypes.offer, messageTypes.ack, messageTypes.nak]);

/** The server behind a datagram that came to the bridge; undefined when it is no DHCP reply (RFC 2131 2). */
export function otherServer({ mac, source, message }: HeardReply): OtherServer | undefined {
  const packet = decodePacket(message);
  if (typeof packet === "string" || packet.op !== BOOT_REPLY) return undefined;
  const type = readOption(packet.options, options.messageType);
  if (type === undefined || !answers.has(type)) return undefined;
  return { mac, server: readOption(packet.options, options.serverIdentifier) ?? source };
}

/** A DISCOVER of this MAC that asks for a broadcast answer; a server that gives one holds an address for some seconds. */
export function probe(mac: Mac, xid: number): Uint8Array {
  const chaddr = new Uint8Array(CHADDR_BYTES);
  chaddr.set(macToBytes(mac));
  const nothing = new Uint8Array(0);
  return encodePacket(
    {
      op: BOOT_REQUEST,
      htype: ETHERNET,
      hlen: 6,
      hops: 0,
      xid,
      secs: 0,
      flags: BROADCAST_FLAG,
      ciaddr: 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      chaddr,
      sname: nothing,
      file: nothing,
    },
    [fieldOf(options.messageType, messageTypes.discover)],
  );
}
