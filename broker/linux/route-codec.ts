// Host routes and permanent neighbours as rtnetlink messages (rtnetlink(7): rtmsg, ndmsg).

import {
  type Ip,
  type Mac,
  ipFamily,
  ipFromNumber,
  ipToNumber,
  macFromBytes,
  macToBytes,
} from "#core/address.ts";
import {
  type Message,
  attribute,
  flag,
  messageType,
  readAttributes,
  uint32,
} from "./netlink-codec.ts";
import type { NetlinkRequest } from "./netlink.ts";

/**
 * Marks routes (rtm_protocol) and addresses (IFA_PROTO) as ours. 204 is free in the kernel's rtnetlink.h and iproute2's
 * rt_protos, and outside the numbers that routing daemons took (below 19, 42, and 186 to 198).
 */
export const ROUTE_PROTOCOL = 0xcc;

const AF_INET = 2;
const AF_INET6 = 10;
const MAIN_TABLE = 254;
const SCOPE_LINK = 253;
const SCOPE_UNIVERSE = 0;
const UNICAST = 1;
const MATCHED_ENTRY = 0x2000;
const ROUTE_BYTES = 12;
const ROUTE_DESTINATION = 1;
const ROUTE_INTERFACE = 4;
const ROUTE_TABLE = 15;
const NEIGHBOUR_BYTES = 12;
const NEIGHBOUR_ADDRESS = 1;
const NEIGHBOUR_MAC = 2;
/** NDA_CACHEINFO: begins with the time since the last confirmation, in clock ticks of which a second has 100 (USER_HZ). */
const NEIGHBOUR_TIMES = 3;
const TICK_MS = 10;
const NEIGHBOUR_USE = 0x01;

/** States of a neighbour entry (include/uapi/linux/neighbour.h). */
export const neighbourState = {
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  permanent: 0x80,
} as const;

export interface RouteEntry {
  readonly ip: Ip;
  readonly length: number;
  readonly protocol: number;
  readonly table: number;
  readonly link: number;
}
export interface NeighbourEntry {
  readonly ip: Ip;
  readonly link: number;
  readonly state: number;
  readonly mac?: Mac;
  /** Milliseconds since the neighbour was last known to be there. */
  readonly age?: number;
}

export const addRoute = (ip: Ip, link: number, body = routeBody(ip, link)): NetlinkRequest => ({
  type: messageType.newRoute,
  flags: flag.create | flag.replace,
  body,
  what: `add the route to ${ip}`,
});

export const deleteRoute = (ip: Ip, link: number, body = routeBody(ip, link)): NetlinkRequest => ({
  type: messageType.deleteRoute,
  flags: 0,
  body,
  what: `delete the route to ${ip}`,
});

export const addNeighbour = (
  ip: Ip,
  mac: Mac,
  link: number,
  body = neighbourBody(ip, link, mac),
): NetlinkRequest => ({
  type: messageType.newNeighbour,
  flags: flag.create | flag.replace,
  body,
  what: `add the neighbour ${ip} at ${mac}`,
});

export const deleteNeighbour = (
  ip: Ip,
  link: number,
  body = neighbourBody(ip, link),
): NetlinkRequest => ({
  type: messageType.deleteNeighbour,
  flags: 0,
  body,
  what: `delete the neighbour ${ip}`,
});

/**
 * Makes the kernel ask the neighbour whether it is there: one that is known with a unicast probe (NUD_PROBE), any other as a
 * packet to it would (NTF_USE).
 */
export function askNeighbour(ip: Ip, link: number, known: boolean): NetlinkRequest {
  const body = neighbourBody(ip, link);
  body.writeUInt16LE(known ? neighbourState.probe : 0, 8);
  body.writeUInt8(known ? 0 : NEIGHBOUR_USE, 10);
  const flags = known ? flag.replace : flag.create;
  return { type: messageType.newNeighbour, flags, body, what: `ask for the neighbour ${ip}` };
}

/** What the kernel passes over (NLMSG_NOOP): keeps the place of a request that is not needed. */
export const nothing: NetlinkRequest = {
  type: messageType.nothing,
  flags: 0,
  body: Buffer.alloc(0),
  what: "do nothing",
};

/** Body of a request for a whole table, of one family or of all (0). */
export const everyRoute = (): Buffer => Buffer.alloc(ROUTE_BYTES);
export const everyNeighbour = (): Buffer => Buffer.alloc(NEIGHBOUR_BYTES);

/** Asks for the entry that a packet to the address would use, as it stands in the table (RTM_F_FIB_MATCH). */
export function routeTowards(ip: Ip): Buffer {
  const header = Buffer.alloc(ROUTE_BYTES);
  header.writeUInt8(addressFamily(ip), 0);
  header.writeUInt8(ipFamily(ip) === 4 ? 32 : 128, 1);
  header.writeUInt32LE(MATCHED_ENTRY, 8);
  return Buffer.concat([header, attribute(ROUTE_DESTINATION, ipBytes(ip))]);
}

export function readRoute(message: Message): RouteEntry | undefined {
  const { body } = message;
  if (message.type !== messageType.newRoute || body.length < ROUTE_BYTES) return undefined;
  const attributes = readAttributes(body, ROUTE_BYTES);
  const ip = readIp(attributes.get(ROUTE_DESTINATION));
  const link = attributes.get(ROUTE_INTERFACE);
  if (ip === undefined || link === undefined) return undefined;
  const table = attributes.get(ROUTE_TABLE)?.readUInt32LE(0) ?? body.readUInt8(4);
  return {
    ip,
    length: body.readUInt8(1),
    protocol: body.readUInt8(5),
    table,
    link: link.readUInt32LE(0),
  };
}

export function readNeighbour(message: Message): NeighbourEntry | undefined {
  const { body } = message;
  if (message.type !== messageType.newNeighbour || body.length < NEIGHBOUR_BYTES) return undefined;
  const attributes = readAttributes(body, NEIGHBOUR_BYTES);
  const ip = readIp(attributes.get(NEIGHBOUR_ADDRESS));
  if (ip === undefined) return undefined;
  const mac = attributes.get(NEIGHBOUR_MAC);
  const ticks = attributes.get(NEIGHBOUR_TIMES)?.readUInt32LE(0);
  return {
    ip,
    link: body.readInt32LE(4),
    state: body.readUInt16LE(8),
    ...(mac?.length === 6 ? { mac: macFromBytes(mac) } : {}),
    ...(ticks === undefined ? {} : { age: ticks * TICK_MS }),
  };
}

export const isHostRoute = (route: RouteEntry, link: number): boolean =>
  route.protocol === ROUTE_PROTOCOL &&
  route.link === link &&
  route.table === MAIN_TABLE &&
  route.length === (ipFamily(route.ip) === 4 ? 32 : 128);

export function ipBytes(ip: Ip): Buffer {
  const family = ipFamily(ip);
  const hex = ipToNumber(ip).toString(16);
  return Buffer.from(hex.padStart(family === 4 ? 8 : 32, "0"), "hex");
}

export function readIp(bytes: Buffer | undefined): Ip | undefined {
  if (bytes?.length !== 4 && bytes?.length !== 16) return undefined;
  return ipFromNumber(bytes.length === 4 ? 4 : 6, BigInt(`0x${bytes.toString("hex")}`));
}

export const addressFamily = (ip: Ip): number => (ipFamily(ip) === 4 ? AF_INET : AF_INET6);

export function routeBody(ip: Ip, link: number): Buffer {
  const four = ipFamily(ip) === 4;
  const header = Buffer.alloc(ROUTE_BYTES);
  header.writeUInt8(addressFamily(ip), 0);
  header.writeUInt8(four ? 32 : 128, 1);
  header.writeUInt8(MAIN_TABLE, 4);
  header.writeUInt8(ROUTE_PROTOCOL, 5);
  header.writeUInt8(four ? SCOPE_LINK : SCOPE_UNIVERSE, 6);
  header.writeUInt8(UNICAST, 7);
  return Buffer.concat([
    header,
    attribute(ROUTE_DESTINATION, ipBytes(ip)),
    attribute(ROUTE_INTERFACE, uint32(link)),
  ]);
}

export function neighbourBody(ip: Ip, link: number, mac?: Mac): Buffer {
  const header = Buffer.alloc(NEIGHBOUR_BYTES);
  header.writeUInt8(addressFamily(ip), 0);
  header.writeInt32LE(link, 4);
  header.writeUInt16LE(neighbourState.permanent, 8);
  const address = attribute(NEIGHBOUR_ADDRESS, ipBytes(ip));
  return mac === undefined
    ? Buffer.concat([header, address])
    : Buffer.concat([header, address, attribute(NEIGHBOUR_MAC, macToBytes(mac))]);
}
