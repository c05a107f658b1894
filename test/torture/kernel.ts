// A kernel's routes and neighbours behind the netlink messages that the real route table sends, with its ways to fail.

import { type Ip, type Mac } from "#core/address.ts";
import { type Message, messageType, readAttributes } from "#broker/linux/netlink-codec.ts";
import { NetlinkError, errno } from "#broker/linux/netlink-error.ts";
import type { Netlink, NetlinkRequest } from "#broker/linux/netlink.ts";
import {
  addNeighbour,
  addRoute,
  readIp,
  readNeighbour,
  readRoute,
} from "#broker/linux/route-codec.ts";

/** The one link that is there on every machine: the route table asks the real system for its number. */
export const BRIDGE = "lo";
const LINK = 1;
const ROUTE_HEADER = 12;
const DESTINATION = 1;

export interface FakeKernel extends Netlink {
  readonly routes: Set<Ip>;
  readonly neighbours: Map<Ip, Mac>;
  /** The bridge is gone: nothing can be added. */
  lost: boolean;
  /** So many routes will not be added. */
  refusing: number;
  /** Takes everything away. */
  wipe(): void;
}

export function fakeKernel(): FakeKernel {
  const routes = new Set<Ip>();
  const neighbours = new Map<Ip, Mac>();
  const kernel: FakeKernel = {
    port: 0,
    routes,
    neighbours,
    lost: false,
    refusing: 0,
    wipe() {
      routes.clear();
      neighbours.clear();
    },
    request: (requests) => Promise.resolve(requests.map((request) => change(kernel, request))),
    dump(type, body, read, extent) {
      const wanted = extent === "entry" ? destinationOf(body) : undefined;
      const messages =
        type === messageType.getRoute
          ? [...routes].filter((ip) => wanted === undefined || ip === wanted).map(routeMessage)
          : [...neighbours].map(([ip, mac]) => neighbourMessage(ip, mac));
      if (wanted !== undefined && messages.length === 0)
        return Promise.reject(new NetlinkError(errno.noProcess, "look a route up"));
      return Promise.resolve(messages.flatMap((message) => read(message) ?? []));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return kernel;
}

function change(kernel: FakeKernel, { type, body, what }: NetlinkRequest): Error | undefined {
  const adds = type === messageType.newRoute || type === messageType.newNeighbour;
  if (type === messageType.nothing) return undefined;
  if (kernel.lost) return new NetlinkError(errno.noDevice, what);
  if (type === messageType.newRoute && kernel.refusing > 0) {
    kernel.refusing -= 1;
    return new NetlinkError(errno.denied, what);
  }
  const concernsRoute = type === messageType.newRoute || type === messageType.deleteRoute;
  const ip = concernsRoute
    ? readRoute(message(messageType.newRoute, body))?.ip
    : neighbourOf(body)?.ip;
  if (ip === undefined) throw new Error(`not understood: ${what}`);
  if (concernsRoute) {
    if (adds) kernel.routes.add(ip);
    else if (!kernel.routes.delete(ip)) return new NetlinkError(errno.noProcess, what);
    return undefined;
  }
  const mac = neighbourOf(body)?.mac;
  if (adds && mac !== undefined) kernel.neighbours.set(ip, mac);
  else if (!kernel.neighbours.delete(ip)) return new NetlinkError(errno.notFound, what);
  return undefined;
}

const neighbourOf = (body: Buffer) => readNeighbour(message(messageType.newNeighbour, body));
const destinationOf = (body: Buffer): Ip | undefined =>
  readIp(readAttributes(body, ROUTE_HEADER).get(DESTINATION));
const message = (type: number, body: Buffer): Message => ({
  type,
  flags: 0,
  sequence: 0,
  port: 0,
  body,
});
const routeMessage = (ip: Ip): Message => message(messageType.newRoute, addRoute(ip, LINK).body);
const neighbourMessage = (ip: Ip, mac: Mac): Message =>
  message(messageType.newNeighbour, addNeighbour(ip, mac, LINK).body);
