// The server's three replies (RFC 2131 table 3) and their bytes.

import { type Ip, ipv4FromUint, ipv4ToUint } from "#core/address.ts";
import { messageTypes } from "./message.ts";
import type { OptionField } from "./option-fields.ts";
import { options, readOption } from "./options.ts";
import {
  BOOT_REPLY,
  ETHERNET,
  type PacketHeader,
  decodePacket,
  encodePacket,
  messageSize,
} from "./packet.ts";

interface ReplyHead {
  readonly xid: number;
  readonly flags: number;
  readonly giaddr: Ip;
  /** 16 bytes, as the request had them. */
  readonly chaddr: Uint8Array;
  /** Every option but the message type, in wire order. */
  readonly fields: readonly OptionField[];
}
export type DhcpReply = ReplyHead &
  (
    | { readonly type: "offer"; readonly yiaddr: Ip }
    /** `yiaddr` 0.0.0.0 answers an INFORM. */
    | { readonly type: "ack"; readonly ciaddr: Ip; readonly yiaddr: Ip }
    | { readonly type: "nak" }
  );

/** 0.0.0.0 */
export const UNSPECIFIED: Ip = ipv4FromUint(0);
const NO_BYTES = new Uint8Array(0);

const RELAY_INFORMATION = options.relayAgentInformation.code;

/** What a client cannot do without, whatever the size limit. */
const indispensable = new Set<number>([
  options.subnetMask.code,
  options.routers.code,
  options.leaseTime.code,
  options.messageType.code,
  options.serverIdentifier.code,
  options.renewalTime.code,
  options.rebindingTime.code,
  options.clientIdentifier.code,
  options.rapidCommit.code,
  RELAY_INFORMATION,
]);

const typeFields: Readonly<Record<DhcpReply["type"], OptionField>> = {
  offer: { code: options.messageType.code, value: Uint8Array.of(messageTypes.offer) },
  ack: { code: options.messageType.code, value: Uint8Array.of(messageTypes.ack) },
  nak: { code: options.messageType.code, value: Uint8Array.of(messageTypes.nak) },
};

/**
 * The reply's bytes, at most `limit` of them. Options are left out from the back until it fits; undefined when even the
 * indispensable ones do not.
 */
export function encodeReply(reply: DhcpReply, limit: number): Uint8Array | undefined {
  const fields = fitting([typeFields[reply.type], ...reply.fields], limit);
  return fields === undefined ? undefined : encodePacket(headerOf(reply), fields);
}

/** Reads a reply back, as a client would; undefined for anything else. */
export function decodeReply(bytes: Uint8Array): DhcpReply | undefined {
  const packet = decodePacket(bytes);
  if (typeof packet === "string" || packet.op !== BOOT_REPLY) return undefined;
  const fields = [...packet.options]
    .filter(([code]) => code !== options.messageType.code)
    .map(([code, value]) => ({ code, value }));
  const { xid, flags, chaddr } = packet;
  const head = { xid, flags, chaddr, giaddr: ipv4FromUint(packet.giaddr), fields };
  const yiaddr = ipv4FromUint(packet.yiaddr);
  switch (readOption(packet.options, options.messageType)) {
    case messageTypes.offer:
      return { ...head, type: "offer", yiaddr };
    case messageTypes.ack:
      return { ...head, type: "ack", yiaddr, ciaddr: ipv4FromUint(packet.ciaddr) };
    case messageTypes.nak:
      return { ...head, type: "nak" };
    default:
      return undefined;
  }
}

function fitting(
  fields: readonly OptionField[],
  limit: number,
): readonly OptionField[] | undefined {
  if (messageSize(fields) <= limit) return fields;
  const least = fields.filter(({ code }) => indispensable.has(code));
  // RFC 3046 2.2: a reply without room for the relay's information goes without it.
  const kept =
    messageSize(least) <= limit
      ? [...fields]
      : fields.filter(({ code }) => code !== RELAY_INFORMATION);
  while (messageSize(kept) > limit) {
    const last = kept.findLastIndex(({ code }) => !indispensable.has(code));
    if (last < 0) return undefined;
    kept.splice(last, 1);
  }
  return kept;
}

function headerOf(reply: DhcpReply): PacketHeader {
  return {
    op: BOOT_REPLY,
    htype: ETHERNET,
    hlen: 6,
    hops: 0,
    xid: reply.xid,
    secs: 0,
    flags: reply.flags,
    ciaddr: reply.type === "ack" ? ipv4ToUint(reply.ciaddr) : 0,
    yiaddr: reply.type === "nak" ? 0 : ipv4ToUint(reply.yiaddr),
    siaddr: 0,
    giaddr: ipv4ToUint(reply.giaddr),
    chaddr: reply.chaddr,
    sname: NO_BYTES,
    file: NO_BYTES,
  };
}
