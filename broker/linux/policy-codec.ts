// Source rules, their tables' routes and a guest agent's local routes as rtnetlink messages (fib_rules.h, rtnetlink.h).

import { ip, macToBytes } from "#core/address.ts";
import type { Ip } from "#core/address.ts";
import { type Prefix, prefixAddress, prefixOf } from "#core/prefix.ts";
import {
  type AgentRoute,
  NEXT_HOP,
  type NextHop,
  RULE_PRIORITY,
  SLOT_LIMIT,
  type SourceRule,
  TABLE_BASE,
  type TableRoute,
} from "#broker/node/uplinks.ts";
import {
  type Message,
  attribute,
  flag,
  messageType,
  readAttributes,
  readText,
  text,
  uint32,
} from "./netlink-codec.ts";
import type { NetlinkRequest } from "./netlink.ts";
import {
  type NeighbourEntry,
  ROUTE_PROTOCOL,
  ipBytes,
  neighbourState,
  readIp,
} from "./route-codec.ts";

const AF_INET = 2;
const RULE_BYTES = 12;
const ROUTE_BYTES = 12;
const NEIGHBOUR_BYTES = 12;
const LOCAL_TABLE = 255;
/** Google's guest agents mark what they make with this protocol. */
const AGENT_PROTOCOL = 66;
const ON_LINK = 4;
const SCOPE_LINK = 253;
const SCOPE_UNIVERSE = 0;
const LOOK_UP_TABLE = 1;
const routeType = { unicast: 1, local: 2, throw: 9 } as const;
/** FRA_* of fib_rules.h. */
const ruleAttribute = { source: 2, inputLink: 3, priority: 6, table: 15, protocol: 21 } as const;
/** RTA_* of rtnetlink.h. */
const routeAttribute = { destination: 1, link: 4, gateway: 5, table: 15 } as const;
const NEIGHBOUR_ADDRESS = 1;
const NEIGHBOUR_MAC = 2;

export const ruleRequest = (op: "add" | "delete", rule: SourceRule): NetlinkRequest => ({
  type: op === "add" ? messageType.newRule : messageType.deleteRule,
  flags: op === "add" ? flag.create | flag.exclusive : 0,
  body: ruleBody(rule),
  what: `${op} the source rule for ${rule.inputLink} and table ${rule.table}`,
});

export const tableRouteRequest = (op: "add" | "delete", route: TableRoute): NetlinkRequest => ({
  type: op === "add" ? messageType.newRoute : messageType.deleteRoute,
  flags: op === "add" ? flag.create | flag.replace : 0,
  body: tableRouteBody(route),
  what: `${op} the ${route.kind} route to ${prefixAddress(route.destination)} in table ${route.table}`,
});

export const nextHopRequest = (op: "set" | "delete", { link, mac }: NextHop): NetlinkRequest => {
  const header = Buffer.alloc(NEIGHBOUR_BYTES);
  header.writeUInt8(AF_INET, 0);
  header.writeInt32LE(link, 4);
  header.writeUInt16LE(neighbourState.permanent, 8);
  return {
    type: op === "set" ? messageType.newNeighbour : messageType.deleteNeighbour,
    flags: op === "set" ? flag.create | flag.replace : 0,
    body: Buffer.concat([
      header,
      attribute(NEIGHBOUR_ADDRESS, ipBytes(NEXT_HOP)),
      ...(op === "set" ? [attribute(NEIGHBOUR_MAC, macToBytes(mac))] : []),
    ]),
    what: `${op} the neighbour ${NEXT_HOP} of link ${link}`,
  };
};

export const deleteAgentRoute = ({ destination, link }: AgentRoute): NetlinkRequest => ({
  type: messageType.deleteRoute,
  flags: 0,
  body: routeBody({
    destination,
    table: LOCAL_TABLE,
    link,
    protocol: AGENT_PROTOCOL,
    type: routeType.local,
    // RT_SCOPE_NOWHERE: any scope is deleted.
    scope: 255,
    flags: 0,
  }),
  what: `delete the guest agent's local route to ${prefixAddress(destination)}`,
});

/** Body of a request for all IPv4 rules, and for all IPv4 routes of every table. */
export const everyRule = (): Buffer => familyOnly(RULE_BYTES);
export const everyIpv4Route = (): Buffer => familyOnly(ROUTE_BYTES);

/** Only ours. */
export function readSourceRule(message: Message): SourceRule | undefined {
  const { body } = message;
  if (message.type !== messageType.newRule || body.length < RULE_BYTES) return undefined;
  const attributes = readAttributes(body, RULE_BYTES);
  const table = attributes.get(ruleAttribute.table)?.readUInt32LE(0) ?? body.readUInt8(4);
  const source = readPrefix(attributes.get(ruleAttribute.source), body.readUInt8(2));
  const ours =
    attributes.get(ruleAttribute.protocol)?.readUInt8(0) === ROUTE_PROTOCOL && isOurTable(table);
  if (!ours || source === undefined) return undefined;
  return { source, inputLink: readText(attributes.get(ruleAttribute.inputLink)), table };
}

/** Only in tables of ours. */
export function readTableRoute(message: Message): TableRoute | undefined {
  const { body } = message;
  if (message.type !== messageType.newRoute || body.length < ROUTE_BYTES) return undefined;
  const attributes = readAttributes(body, ROUTE_BYTES);
  const table = attributes.get(routeAttribute.table)?.readUInt32LE(0) ?? body.readUInt8(4);
  const destination = destinationOf(attributes, body);
  if (!isOurTable(table) || body.readUInt8(5) !== ROUTE_PROTOCOL || destination === undefined)
    return undefined;
  const link = attributes.get(routeAttribute.link)?.readUInt32LE(0) ?? 0;
  const thrown = body.readUInt8(7) === routeType.throw;
  const kind = thrown ? "throw" : attributes.has(routeAttribute.gateway) ? "via" : "link";
  return { kind, destination, table, link };
}

export function readAgentRoute(message: Message): AgentRoute | undefined {
  const { body } = message;
  if (message.type !== messageType.newRoute || body.length < ROUTE_BYTES) return undefined;
  const attributes = readAttributes(body, ROUTE_BYTES);
  const table = attributes.get(routeAttribute.table)?.readUInt32LE(0) ?? body.readUInt8(4);
  const theirs =
    table === LOCAL_TABLE &&
    body.readUInt8(5) === AGENT_PROTOCOL &&
    body.readUInt8(7) === routeType.local;
  const destination = destinationOf(attributes, body);
  const link = attributes.get(routeAttribute.link)?.readUInt32LE(0);
  return theirs && destination !== undefined && link !== undefined
    ? { destination, link }
    : undefined;
}

export const nextHopOf = ({ ip: address, link, state, mac }: NeighbourEntry): NextHop | undefined =>
  address === NEXT_HOP && state === neighbourState.permanent && mac !== undefined
    ? { link, mac }
    : undefined;

const isOurTable = (table: number): boolean =>
  table > TABLE_BASE && table <= TABLE_BASE + SLOT_LIMIT;

function ruleBody({ source, inputLink, table }: SourceRule): Buffer {
  const header = Buffer.alloc(RULE_BYTES);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(source.length, 2);
  header.writeUInt8(LOOK_UP_TABLE, 7);
  return Buffer.concat([
    header,
    attribute(ruleAttribute.source, ipBytes(prefixAddress(source))),
    attribute(ruleAttribute.inputLink, text(inputLink)),
    attribute(ruleAttribute.priority, uint32(RULE_PRIORITY)),
    attribute(ruleAttribute.table, uint32(table)),
    attribute(ruleAttribute.protocol, Buffer.of(ROUTE_PROTOCOL)),
  ]);
}

interface RouteFields {
  readonly destination: Prefix;
  readonly table: number;
  readonly link: number;
  readonly protocol: number;
  readonly type: number;
  readonly scope: number;
  readonly flags: number;
  readonly gateway?: Ip;
}

function tableRouteBody({ kind, destination, table, link }: TableRoute): Buffer {
  const common = { destination, table, protocol: ROUTE_PROTOCOL };
  switch (kind) {
    case "throw":
      return routeBody({
        ...common,
        link: 0,
        type: routeType.throw,
        scope: SCOPE_UNIVERSE,
        flags: 0,
      });
    case "link":
      return routeBody({ ...common, link, type: routeType.unicast, scope: SCOPE_LINK, flags: 0 });
    case "via":
      return routeBody({
        ...common,
        link,
        type: routeType.unicast,
        scope: SCOPE_UNIVERSE,
        flags: ON_LINK,
        gateway: NEXT_HOP,
      });
    default:
      return kind satisfies never;
  }
}

function routeBody(route: RouteFields): Buffer {
  const header = Buffer.alloc(ROUTE_BYTES);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(route.destination.length, 1);
  header.writeUInt8(route.table < 256 ? route.table : 0, 4);
  header.writeUInt8(route.protocol, 5);
  header.writeUInt8(route.scope, 6);
  header.writeUInt8(route.type, 7);
  header.writeUInt32LE(route.flags, 8);
  return Buffer.concat([
    header,
    attribute(routeAttribute.destination, ipBytes(prefixAddress(route.destination))),
    attribute(routeAttribute.table, uint32(route.table)),
    ...(route.link === 0 ? [] : [attribute(routeAttribute.link, uint32(route.link))]),
    ...(route.gateway === undefined
      ? []
      : [attribute(routeAttribute.gateway, ipBytes(route.gateway))]),
  ]);
}

/** The default route carries no destination. */
const destinationOf = (attributes: Map<number, Buffer>, body: Buffer): Prefix | undefined =>
  readPrefix(
    attributes.get(routeAttribute.destination) ?? ipBytes(ip("0.0.0.0")),
    body.readUInt8(1),
  );

function readPrefix(bytes: Buffer | undefined, length: number): Prefix | undefined {
  const address = readIp(bytes);
  return address === undefined || bytes?.length !== 4 || length > 32
    ? undefined
    : prefixOf(address, length);
}

function familyOnly(bytes: number): Buffer {
  const header = Buffer.alloc(bytes);
  header.writeUInt8(AF_INET, 0);
  return header;
}
