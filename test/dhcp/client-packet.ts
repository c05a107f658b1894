// Packets as clients send them, written field by field, for the tests of the server.

import { type Mac, ip, ipv4ToUint, macToBytes, parseMac } from "#core/address.ts";
import { messageTypes } from "#broker/dhcp/message.ts";
import type { OptionField } from "#broker/dhcp/option-fields.ts";
import { fieldOf, options } from "#broker/dhcp/options.ts";
import { encodePacket } from "#broker/dhcp/packet.ts";

export const XID = 0x3903f326;
export const client = (last: number): Mac =>
  parseMac(`02:00:00:00:00:${last.toString(16).padStart(2, "0")}`) as Mac;

export interface ClientPacket {
  readonly type?: keyof typeof messageTypes | number | readonly number[];
  readonly mac?: Mac;
  readonly xid?: number;
  readonly secs?: number;
  readonly flags?: number;
  readonly op?: number;
  readonly htype?: number;
  readonly hlen?: number;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly sname?: Uint8Array;
  readonly file?: Uint8Array;
  /** Option 50. */
  readonly requested?: string;
  /** Option 54. */
  readonly serverId?: string;
  /** Option 55. */
  readonly parameters?: readonly number[];
  /** Further options, by code. */
  readonly more?: Readonly<Record<number, readonly number[]>>;
}

export function clientPacket(packet: ClientPacket): Uint8Array {
  const chaddr = new Uint8Array(16);
  chaddr.set(macToBytes(packet.mac ?? client(1)));
  const uint = (address: string | undefined) =>
    address === undefined ? 0 : ipv4ToUint(ip(address));
  return encodePacket(
    {
      op: packet.op ?? 1,
      htype: packet.htype ?? 1,
      hlen: packet.hlen ?? 6,
      hops: packet.giaddr === undefined ? 0 : 1,
      xid: packet.xid ?? XID,
      secs: packet.secs ?? 0,
      flags: packet.flags ?? 0,
      ciaddr: uint(packet.ciaddr),
      yiaddr: 0,
      siaddr: 0,
      giaddr: uint(packet.giaddr),
      chaddr,
      sname: packet.sname ?? new Uint8Array(0),
      file: packet.file ?? new Uint8Array(0),
    },
    fieldsOf(packet),
  );
}

/** The same with these bytes as the whole option area. */
export function withOptionBytes(packet: ClientPacket, area: readonly number[]): Uint8Array {
  const bytes = clientPacket({ ...packet, type: [] }).slice(0, 240);
  return Uint8Array.from([...bytes, ...area]);
}

export const letters = (text: string): number[] =>
  Array.from(text, (letter) => letter.charCodeAt(0));
export const hex = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? "absent" : Buffer.from(bytes).toString("hex");

function fieldsOf(packet: ClientPacket): OptionField[] {
  const fields: OptionField[] = [];
  const { type = "discover" } = packet;
  if (typeof type === "object") {
    if (type.length > 0)
      fields.push({ code: options.messageType.code, value: Uint8Array.from(type) });
  } else
    fields.push(fieldOf(options.messageType, typeof type === "number" ? type : messageTypes[type]));
  if (packet.requested !== undefined)
    fields.push(fieldOf(options.requestedAddress, ip(packet.requested)));
  if (packet.serverId !== undefined)
    fields.push(fieldOf(options.serverIdentifier, ip(packet.serverId)));
  if (packet.parameters !== undefined)
    fields.push(fieldOf(options.parameterRequest, Uint8Array.from(packet.parameters)));
  for (const [code, value] of Object.entries(packet.more ?? {}))
    fields.push({ code: Number(code), value: Uint8Array.from(value) });
  return fields;
}
