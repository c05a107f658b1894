// Links and their addresses as rtnetlink messages (rtnetlink(7): ifinfomsg, ifaddrmsg).

import { type Ip, type Mac, ipFamily, macFromBytes, macToBytes } from "#core/address.ts";
import {
  type Message,
  attribute,
  flag,
  messageType,
  nested,
  readAttributes,
  readText,
  text,
  uint32,
} from "./netlink-codec.ts";
import type { NetlinkRequest } from "./netlink.ts";
import { ROUTE_PROTOCOL, addressFamily, ipBytes, readIp } from "./route-codec.ts";

const LINK_BYTES = 16;
const ADDRESS_BYTES = 8;
const AF_BRIDGE = 7;
const IFF_UP = 1;
/** IFLA_* of if_link.h. */
const link = {
  mac: 1,
  name: 3,
  mtu: 4,
  master: 10,
  portInfo: 12,
  info: 18,
  alias: 20,
  peerNamespace: 37,
} as const;
const info = { kind: 1, portData: 5 } as const;
/** IFLA_BRPORT_ISOLATED. */
const PORT_ISOLATED = 33;
/** IFA_* of if_addr.h; `protocol` exists since Linux 5.18 and is ignored by older kernels. */
const address = { address: 1, local: 2, broadcast: 4, flags: 8, protocol: 11 } as const;
/** An IPv6 gateway address is usable at once: IFA_F_NODAD. */
const NO_DUPLICATE_DETECTION = 0x02;

export interface LinkEntry {
  readonly index: number;
  readonly name: string;
  /** For example `bridge`, `veth`, `tun`; empty for hardware. */
  readonly kind: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly master?: number;
  readonly mac?: Mac;
  readonly alias: string;
  /** The kernel's number for the namespace of a veth's other end, where that is not this one (IFLA_LINK_NETNSID). */
  readonly peerNamespace?: number;
  /** Of a bridge port. */
  readonly isolated: boolean;
}
export interface AddressEntry {
  readonly link: number;
  readonly ip: Ip;
  readonly length: number;
  /** Link-local and host scopes are not `global`. */
  readonly global: boolean;
  /** Whether it carries our mark (IFA_PROTO). */
  readonly ours: boolean;
}
export interface LinkSetting {
  readonly up?: boolean;
  readonly mtu?: number;
}

export const everyLink = (): Buffer => Buffer.alloc(LINK_BYTES);
export const everyAddress = (): Buffer => Buffer.alloc(ADDRESS_BYTES);

export function readLink(message: Message): LinkEntry | undefined {
  const { body } = message;
  if (message.type !== messageType.newLink || body.length < LINK_BYTES) return undefined;
  const attributes = readAttributes(body, LINK_BYTES);
  const details = readAttributes(attributes.get(link.info) ?? Buffer.alloc(0), 0);
  const port = readAttributes(details.get(info.portData) ?? Buffer.alloc(0), 0);
  const master = attributes.get(link.master)?.readUInt32LE(0);
  const mac = attributes.get(link.mac);
  const peerNamespace = attributes.get(link.peerNamespace)?.readInt32LE(0);
  return {
    index: body.readInt32LE(4),
    name: readText(attributes.get(link.name)),
    kind: readText(details.get(info.kind)),
    up: (body.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(link.mtu)?.readUInt32LE(0) ?? 0,
    alias: readText(attributes.get(link.alias)),
    isolated: port.get(PORT_ISOLATED)?.readUInt8(0) === 1,
    ...(master === undefined ? {} : { master }),
    ...(peerNamespace === undefined ? {} : { peerNamespace }),
    ...(mac?.length === 6 ? { mac: macFromBytes(mac) } : {}),
  };
}

export function readAddress(message: Message): AddressEntry | undefined {
  const { body } = message;
  if (message.type !== messageType.newAddress || body.length < ADDRESS_BYTES) return undefined;
  const attributes = readAttributes(body, ADDRESS_BYTES);
  const ip = readIp(attributes.get(address.local) ?? attributes.get(address.address));
  if (ip === undefined) return undefined;
  return {
    link: body.readUInt32LE(4),
    ip,
    length: body.readUInt8(1),
    global: body.readUInt8(3) === 0,
    ours: attributes.get(address.protocol)?.readUInt8(0) === ROUTE_PROTOCOL,
  };
}

export const createBridge = (name: string, mac: Mac): NetlinkRequest => ({
  type: messageType.newLink,
  flags: flag.create | flag.exclusive,
  body: Buffer.concat([
    everyLink(),
    attribute(link.name, text(name)),
    attribute(link.mac, macToBytes(mac)),
    nested(link.info, attribute(info.kind, text("bridge"))),
  ]),
  what: `make the bridge ${name}`,
});

export const deleteLink = (name: string, index: number): NetlinkRequest => ({
  type: messageType.deleteLink,
  flags: 0,
  body: linkHeader(index, 0),
  what: `delete the link ${name}`,
});

export function setLink(name: string, index: number, setting: LinkSetting): NetlinkRequest {
  const parts = [linkHeader(index, 0, setting.up)];
  if (setting.mtu !== undefined) parts.push(attribute(link.mtu, uint32(setting.mtu)));
  return {
    type: messageType.newLink,
    flags: 0,
    body: Buffer.concat(parts),
    what: `set the link ${name}`,
  };
}

/** By name, so that it can follow the bridge's making in the same datagram: a bridge of ours is never without its mark. */
export const setAlias = (name: string, alias: string): NetlinkRequest => ({
  type: messageType.newLink,
  flags: 0,
  body: Buffer.concat([
    everyLink(),
    attribute(link.name, text(name)),
    attribute(link.alias, Buffer.from(alias)),
  ]),
  what: `mark the bridge ${name}`,
});

export const isolatePort = (name: string, index: number, isolated: boolean): NetlinkRequest => ({
  type: messageType.setLink,
  flags: 0,
  body: Buffer.concat([
    linkHeader(index, AF_BRIDGE),
    nested(link.portInfo, attribute(PORT_ISOLATED, Buffer.from([isolated ? 1 : 0]))),
  ]),
  what: `isolate the bridge port ${name}`,
});

export function changeAddress(
  op: "add" | "delete",
  index: number,
  ip: Ip,
  length: number,
): NetlinkRequest {
  const header = Buffer.alloc(ADDRESS_BYTES);
  header.writeUInt8(addressFamily(ip), 0);
  header.writeUInt8(length, 1);
  header.writeUInt32LE(index, 4);
  const parts = [
    header,
    attribute(address.local, ipBytes(ip)),
    attribute(address.address, ipBytes(ip)),
  ];
  if (op === "add") {
    parts.push(attribute(address.protocol, Buffer.from([ROUTE_PROTOCOL])));
    if (ipFamily(ip) === 6) parts.push(attribute(address.flags, uint32(NO_DUPLICATE_DETECTION)));
    else if (length < 31) parts.push(attribute(address.broadcast, broadcastOf(ip, length)));
  }
  return {
    type: op === "add" ? messageType.newAddress : messageType.deleteAddress,
    flags: op === "add" ? flag.create | flag.replace : 0,
    body: Buffer.concat(parts),
    what: `${op} the address ${ip}/${length}`,
  };
}

function broadcastOf(ip: Ip, length: number): Buffer {
  const bytes = ipBytes(ip);
  return uint32BE((bytes.readUInt32BE(0) | (0xffff_ffff >>> length)) >>> 0);
}

function uint32BE(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function linkHeader(index: number, family: number, up?: boolean): Buffer {
  const header = everyLink();
  header.writeUInt8(family, 0);
  header.writeInt32LE(index, 4);
  if (up !== undefined) {
    header.writeUInt32LE(up ? IFF_UP : 0, 8);
    header.writeUInt32LE(IFF_UP, 12);
  }
  return header;
}
