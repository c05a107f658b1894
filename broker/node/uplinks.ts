// Packets of a secondary NIC's addresses leave by that NIC: a source rule and a table for each (spec section 3), as data.

import { type Ip, type Mac, ip, ipToNumber } from "#core/address.ts";
import { type Prefix, containsPrefix, formatPrefix } from "#core/prefix.ts";

/** A secondary NIC that is here, and what it brings. */
export interface Uplink {
  /** From 1, the same as long as the NIC is ours: it names the table. */
  readonly slot: number;
  readonly link: number;
  readonly name: string;
  readonly addresses: readonly Ip[];
  /** Who routes for the VPC on this NIC; unknown while it has not answered. */
  readonly gatewayMac: Mac | undefined;
}

/** `from source iif bridge lookup table`. */
export interface SourceRule {
  readonly source: Prefix;
  readonly inputLink: string;
  readonly table: number;
}
/** `throw`: the main table, with the host routes of this node, decides. */
export interface TableRoute {
  readonly kind: "throw" | "via" | "link";
  readonly destination: Prefix;
  readonly table: number;
  /** Index of the NIC; 0 for `throw`. */
  readonly link: number;
}
/** The stand-in next hop's permanent neighbour. */
export interface NextHop {
  readonly link: number;
  readonly mac: Mac;
}
/** A `local` route that a guest agent made for an alias range, which would deliver guests' packets to the host. */
export interface AgentRoute {
  readonly destination: Prefix;
  readonly link: number;
}

export interface UplinkState {
  readonly rules: readonly SourceRule[];
  readonly routes: readonly TableRoute[];
  readonly nextHops: readonly NextHop[];
}
export interface ObservedUplinks extends UplinkState {
  readonly agentRoutes: readonly AgentRoute[];
}

export type UplinkChange =
  | { readonly change: "add-rule" | "delete-rule"; readonly rule: SourceRule }
  | { readonly change: "add-route" | "delete-route"; readonly route: TableRoute }
  | { readonly change: "set-next-hop" | "delete-next-hop"; readonly nextHop: NextHop }
  | { readonly change: "delete-agent-route"; readonly route: AgentRoute };

/** Reads and changes the kernel's rules and tables of ours. */
export interface UplinkPort {
  observe(): Promise<ObservedUplinks>;
  /** One answer per change, in order. */
  apply(changes: readonly UplinkChange[]): Promise<readonly (Error | undefined)[]>;
  /** The MAC that answers for the address behind the NIC; undefined when nobody does in time. */
  resolve(link: number, gateway: Ip, sender: Ip): Promise<Mac | undefined>;
}

/** Tables 52,001 and up; slot 0 stays free, so that a table without a slot is not taken for the first one's. */
export const TABLE_BASE = 52_000;
export const SLOT_LIMIT = 64;
/** Before main (32,766), behind whatever network plugins use. */
export const RULE_PRIORITY = 5_204;
/**
 * Stands for the gateway on every secondary NIC. Its real address cannot be a next hop: it is the subnet's first one,
 * which the bridge itself carries.
 */
export const NEXT_HOP: Ip = ip("169.254.204.1");

export interface UplinkNetwork {
  readonly bridge: string;
  readonly subnet: Prefix;
  /** What lies behind the NICs; everything else leaves by the main table. */
  readonly vpcCidrs: readonly Prefix[];
}

export function desiredUplinks(
  { bridge, subnet, vpcCidrs }: UplinkNetwork,
  uplinks: readonly Uplink[],
): UplinkState {
  const tables = uplinks.map((uplink) => ({ ...uplink, table: TABLE_BASE + uplink.slot }));
  return {
    rules: tables.flatMap(({ addresses, table }) =>
      coverOf(addresses).map((source) => ({ source, inputLink: bridge, table })),
    ),
    routes: tables.flatMap(({ table, link, gatewayMac }) => [
      { kind: "throw" as const, destination: subnet, table, link: 0 },
      ...vpcCidrs.map((destination) => ({
        kind: gatewayMac === undefined ? ("link" as const) : ("via" as const),
        destination,
        table,
        link,
      })),
    ]),
    nextHops: uplinks.flatMap(({ link, gatewayMac }) =>
      gatewayMac === undefined ? [] : [{ link, mac: gatewayMac }],
    ),
  };
}

/**
 * What has to be done, in an order in which no packet finds half a table: next hops, routes, rules; then what is too
 * much, rules first. Routes of a guest agent go when they lie inside the subnet.
 */
export function diffUplinks(
  desired: UplinkState,
  observed: ObservedUplinks,
  subnet: Prefix,
): readonly UplinkChange[] {
  const missing = <Item extends UplinkItem>(wanted: readonly Item[], found: readonly Item[]) => {
    const there = new Set(found.map(keyOf));
    return wanted.filter((item) => !there.has(keyOf(item)));
  };
  // A route of another kind to the same destination is replaced, not deleted: its table stays whole.
  const routes = missing(observed.routes, desired.routes).filter(
    (old) => !desired.routes.some((wanted) => samePlace(old, wanted)),
  );
  return [
    ...observed.agentRoutes
      .filter((route) => containsPrefix(subnet, route.destination))
      .map((route): UplinkChange => ({ change: "delete-agent-route", route })),
    ...missing(desired.nextHops, observed.nextHops).map((nextHop): UplinkChange => ({
      change: "set-next-hop",
      nextHop,
    })),
    ...missing(desired.routes, observed.routes).map((route): UplinkChange => ({
      change: "add-route",
      route,
    })),
    ...missing(desired.rules, observed.rules).map((rule): UplinkChange => ({
      change: "add-rule",
      rule,
    })),
    ...missing(observed.rules, desired.rules).map((rule): UplinkChange => ({
      change: "delete-rule",
      rule,
    })),
    ...routes.map((route): UplinkChange => ({ change: "delete-route", route })),
    ...observed.nextHops
      .filter(({ link }) => !desired.nextHops.some((wanted) => wanted.link === link))
      .map((nextHop): UplinkChange => ({ change: "delete-next-hop", nextHop })),
  ];
}

/** What teardown takes away: everything of ours. An agent's routes were not ours to begin with. */
export const uplinkRemovals = (
  observed: ObservedUplinks,
  subnet: Prefix,
): readonly UplinkChange[] =>
  diffUplinks({ rules: [], routes: [], nextHops: [] }, { ...observed, agentRoutes: [] }, subnet);

const samePlace = (one: TableRoute, other: TableRoute): boolean =>
  one.table === other.table && formatPrefix(one.destination) === formatPrefix(other.destination);

/** One line for people and for following who fights over what. */
export function describeUplinkChange(change: UplinkChange): string {
  switch (change.change) {
    case "add-rule":
    case "delete-rule": {
      const { source, inputLink, table } = change.rule;
      return `${change.change} from ${formatPrefix(source)} iif ${inputLink} lookup ${table}`;
    }
    case "add-route":
    case "delete-route": {
      const { kind, destination, table, link } = change.route;
      return `${change.change} ${kind} ${formatPrefix(destination)} table ${table} link ${link}`;
    }
    case "set-next-hop":
    case "delete-next-hop":
      return `${change.change} ${change.nextHop.mac} link ${change.nextHop.link}`;
    case "delete-agent-route":
      return `${change.change} local ${formatPrefix(change.route.destination)} link ${change.route.link}`;
    default:
      return change satisfies never;
  }
}

type UplinkItem = SourceRule | TableRoute | NextHop;

const keyOf = (item: UplinkItem): string =>
  JSON.stringify(item, (_name, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );

/** The fewest IPv4 blocks that hold exactly these addresses: every packet passes all rules. */
export function coverOf(addresses: readonly Ip[]): readonly Prefix[] {
  const values = [...new Set(addresses.map(ipToNumber))].toSorted((one, other) =>
    one < other ? -1 : 1,
  );
  const blocks: Prefix[] = [];
  for (let at = 0; at < values.length;) {
    const base = values[at] ?? 0n;
    let bits = 0;
    while (bits < 32 && fits(values, at, base, bits + 1)) bits++;
    blocks.push({ family: 4, base, length: 32 - bits });
    at += 2 ** bits;
  }
  return blocks;
}

/** Whether the 2^bits values from `at` on are the aligned block at `base`. */
function fits(values: readonly bigint[], at: number, base: bigint, bits: number): boolean {
  const size = 1n << BigInt(bits);
  return base % size === 0n && values[at + Number(size) - 1] === base + size - 1n;
}
