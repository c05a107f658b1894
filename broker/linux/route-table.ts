// The kernel's main routing table behind the core's RouteTable port.

import { type Ip, ipFamily } from "#core/address.ts";
import type { RouteChange } from "#core/effects.ts";
import { BrokerError } from "#core/errors.ts";
import type { HostRoute, RouteTable } from "#core/ports.ts";
import { interfaceIndex } from "./libc.ts";
import { messageType } from "./netlink-codec.ts";
import { NetlinkError, errno } from "./netlink-error.ts";
import type { Netlink, NetlinkRequest } from "./netlink.ts";
import {
  addNeighbour,
  addRoute,
  deleteNeighbour,
  deleteRoute,
  everyNeighbour,
  everyRoute,
  isHostRoute,
  neighbourState,
  nothing,
  readNeighbour,
  readRoute,
  routeTowards,
} from "./route-codec.ts";
import { RouteTemplates } from "./route-template.ts";

/** Refused routes that are looked up one by one; for more of them the table is read once. */
const SINGLE_LOOKS = 16;

export interface RouteTableOptions {
  readonly netlink: Netlink;
  /** Name of the bridge; it may be made, deleted and made anew while the table is open. */
  readonly bridge: string;
}

/**
 * Each change is two requests: the route, and the neighbour beside it (removed where an added route has no MAC, so that
 * the last holder's never stays). Without the bridge nothing of ours stands: adding fails with `route-failed`, deleting
 * succeeds.
 */
export function openRouteTable({ netlink, bridge }: RouteTableOptions): RouteTable {
  let templates: RouteTemplates | undefined;
  /** The call on its way that was the last to change an address: what an earlier one leaves behind is that one's matter. */
  const latest = new Map<Ip, readonly RouteChange[]>();
  return {
    async list() {
      const link = interfaceIndex(bridge);
      return link === undefined ? [] : listHostRoutes(netlink, link);
    },
    async stands(ip) {
      const link = interfaceIndex(bridge);
      return link !== undefined && standsOn(netlink, ip, link);
    },
    async apply(changes) {
      const link = interfaceIndex(bridge);
      if (link === undefined) return changes.map((change) => withoutBridge(change, bridge));
      if (templates?.link !== link) templates = new RouteTemplates(link);
      const requests: NetlinkRequest[] = [];
      for (const change of changes) addRequests(requests, change, templates);
      for (const { ip } of changes) latest.set(ip, changes);
      const isLatest = (ip: Ip) => latest.get(ip) === changes;
      let answers: readonly (Error | undefined)[];
      try {
        answers = await netlink.request(requests);
        answers = await removeOrphans(netlink, changes, answers, { link, isLatest });
      } finally {
        for (const { ip } of changes) if (isLatest(ip)) latest.delete(ip);
      }
      return changes.map((change, index) => {
        const route = outcome(change, answers[index * 2], false);
        return route ?? outcome(change, answers[index * 2 + 1], true);
      });
    },
  };
}

async function listHostRoutes(netlink: Netlink, link: number): Promise<readonly HostRoute[]> {
  const routes = await netlink.dump(messageType.getRoute, everyRoute(), (message) => {
    const route = readRoute(message);
    return route !== undefined && isHostRoute(route, link) ? route.ip : undefined;
  });
  const neighbours = await netlink.dump(messageType.getNeighbour, everyNeighbour(), (message) => {
    const entry = readNeighbour(message);
    return entry?.link === link && (entry.state & neighbourState.permanent) !== 0
      ? entry
      : undefined;
  });
  const macs = new Map(neighbours.map(({ ip, mac }) => [ip, mac]));
  return routes.map((ip) => {
    const mac = macs.get(ip);
    return mac === undefined ? { ip } : { ip, mac };
  });
}

/** Two requests a change: tens of thousands of them are made at a start. */
function addRequests(
  requests: NetlinkRequest[],
  change: RouteChange,
  templates: RouteTemplates,
): void {
  const { ip } = change;
  const { link } = templates;
  const four = ipFamily(ip) === 4;
  const route = four ? templates.route(ip) : undefined;
  const mac = change.op === "add" ? change.mac : undefined;
  requests.push(change.op === "add" ? addRoute(ip, link, route) : deleteRoute(ip, link, route));
  if (change.op === "add" && mac === undefined && change.alone === true) {
    requests.push(nothing);
    return;
  }
  const neighbour = four ? templates.neighbour(ip, mac) : undefined;
  requests.push(
    mac === undefined
      ? deleteNeighbour(ip, link, neighbour)
      : addNeighbour(ip, mac, link, neighbour),
  );
}

async function standsOn(netlink: Netlink, ip: Ip, link: number): Promise<boolean> {
  try {
    const found = await netlink.dump(messageType.getRoute, routeTowards(ip), readRoute, "entry");
    return found.some((route) => route.ip === ip && isHostRoute(route, link));
  } catch (thrown) {
    if (thrown instanceof NetlinkError && NO_ROUTE.has(thrown.errno)) return false;
    throw thrown;
  }
}

/**
 * A neighbour whose route was refused would stand for ever: nothing but its route tells that it is ours. What keeps it from
 * being removed is added to the answer of that one route: the others of the call stand as they are.
 */
async function removeOrphans(
  netlink: Netlink,
  changes: readonly RouteChange[],
  answers: readonly (Error | undefined)[],
  { link, isLatest }: { readonly link: number; readonly isLatest: (ip: Ip) => boolean },
): Promise<readonly (Error | undefined)[]> {
  const refused = changes.flatMap(({ op, ip }, index) => {
    const error = answers[index * 2];
    const isRefused = error instanceof NetlinkError && error.errno !== errno.noDevice;
    return op === "add" && isRefused ? [{ ip, at: index * 2, error }] : [];
  });
  if (refused.length === 0) return answers;
  const told = [...answers];
  try {
    const addresses = refused.map(({ ip }) => ip);
    // An older route may stand, with the holder that it is for.
    const standing = await standingOf(netlink, addresses, link);
    const orphans = refused.filter(({ ip }) => !standing.has(ip) && isLatest(ip));
    const removed = await netlink.request(orphans.map(({ ip }) => deleteNeighbour(ip, link)));
    for (const [index, { ip, at, error }] of orphans.entries()) {
      const left = outcome({ op: "delete", ip }, removed[index], true);
      if (left !== undefined) told[at] = withNeighbour(error, left);
    }
  } catch (thrown) {
    for (const { at, error } of refused) told[at] = withNeighbour(error, thrown);
  }
  return told;
}

/** Those of the addresses whose host routes stand: one look at each, or at the whole table where that is less. */
async function standingOf(
  netlink: Netlink,
  addresses: readonly Ip[],
  link: number,
): Promise<ReadonlySet<Ip>> {
  if (addresses.length > SINGLE_LOOKS)
    return new Set((await listHostRoutes(netlink, link)).map(({ ip }) => ip));
  const standing = new Set<Ip>();
  for (const ip of addresses) if (await standsOn(netlink, ip, link)) standing.add(ip);
  return standing;
}

const withNeighbour = (error: NetlinkError, why: unknown): Error =>
  new Error(
    `${error.message}; its neighbour entry may be left: ${why instanceof Error ? why.message : String(why)}`,
    { cause: error },
  );

/** What is gone already is no error when it was to be deleted, nor is a neighbour that never was. */
function outcome(
  change: RouteChange,
  error: Error | undefined,
  neighbour: boolean,
): Error | undefined {
  if (error === undefined) return undefined;
  const deleting = change.op === "delete" || (neighbour && change.mac === undefined);
  const gone = error instanceof NetlinkError && GONE.has(error.errno);
  if (deleting && gone) return undefined;
  return new BrokerError("route-failed", error.message, {
    cause: error,
    hint: "check that the bridge exists and is up: ip -d link show",
  });
}

/** No such entry, no such route, no such device: the bridge went between the look-up and the request. */
const GONE: ReadonlySet<number> = new Set([errno.notFound, errno.noProcess, errno.noDevice]);

/** No route leads there at all, or one that refuses. */
const NO_ROUTE: ReadonlySet<number> = new Set([
  errno.noProcess,
  errno.denied,
  errno.invalid,
  errno.networkUnreachable,
  errno.hostUnreachable,
]);

const withoutBridge = (change: RouteChange, bridge: string): BrokerError | undefined =>
  change.op === "delete"
    ? undefined
    : new BrokerError(
        "route-failed",
        `cannot route ${change.ip}: there is no interface ${bridge}`,
        {
          hint: "the broker makes its bridge again within seconds; try again",
        },
      );
