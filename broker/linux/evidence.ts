// What shows on this machine that addresses are in use, behind the core's Evidence port.

import { stat, statfs } from "node:fs/promises";
import type { Ip, Mac } from "#core/address.ts";
import type { Attachment } from "#core/lease.ts";
import type { Evidence, NamespaceState, RouteTable, Sighting } from "#core/ports.ts";
import { interfaceIndex } from "./libc.ts";
import { messageType } from "./netlink-codec.ts";
import type { Netlink } from "./netlink.ts";
import { type Peers, openPeers } from "./peers.ts";
import { isOrdinary, namespaceAddresses } from "./process-namespaces.ts";
import {
  type NeighbourEntry,
  askNeighbour,
  everyNeighbour,
  neighbourState,
  readNeighbour,
} from "./route-codec.ts";
import { GONE, unless } from "./unless.ts";

export interface EvidenceOptions {
  readonly netlink: Netlink;
  readonly routes: RouteTable;
  readonly bridge: string;
}

/** Magic number of nsfs (include/uapi/linux/magic.h): what a live namespace's file lies on. */
const NSFS = 0x6e73_6673;
/** Neighbours asked by one scan, as many as are judged by it: each costs up to three ARP requests. */
const ASK_LIMIT = 4_096;
/** Known to the kernel by an answer. A stale entry stays for ever, and a permanent one was set by somebody. */
const LEARNT =
  neighbourState.reachable | neighbourState.stale | neighbourState.delay | neighbourState.probe;
const IN_USE = LEARNT | neighbourState.permanent;

export function openEvidence({ netlink, routes, bridge }: EvidenceOptions): Evidence {
  const peers = openPeers(netlink);
  return {
    attachment: (attachment) => stateOf(peers, attachment),
    async scan(only, about) {
      if (only === "answering") return answering(netlink, bridge, about ?? new Set());
      const inside = (await namespaceAddresses()).map(({ ip }): Sighting => ({
        ip,
        evidence: "namespace",
      }));
      if (only === "namespace") return inside;
      const standing = await routes.list();
      return [
        ...standing.map((route): Sighting => ({ ...route, evidence: "route" })),
        ...(await neighbours(netlink, bridge, IN_USE)).map(({ ip, mac }): Sighting => ({
          ip,
          mac,
          evidence: "neighbour",
        })),
        ...inside,
      ];
    },
  };
}

/** An inode is given anew as soon as its namespace is gone, so that it alone shows nothing: a link must lead there too. */
async function stateOf(peers: Peers, { netns, identity }: Attachment): Promise<NamespaceState> {
  const found = await unless(GONE, stat(netns, { bigint: true }));
  if (found === undefined) return "absent";
  if (identity === undefined) {
    const system = await unless(GONE, statfs(netns));
    if (system?.type !== NSFS) return "absent";
  } else if (String(found.dev) !== identity.dev || String(found.ino) !== identity.ino)
    return "absent";
  return (await peers.leadInto(netns)) === false ? "unlinked" : "present";
}

async function answering(
  netlink: Netlink,
  bridge: string,
  about: ReadonlySet<Ip>,
): Promise<readonly Sighting[]> {
  const found = await neighbours(netlink, bridge, LEARNT);
  const link = interfaceIndex(bridge);
  if (link === undefined) return [];
  const known = new Set(found.map(({ ip }) => ip));
  const asked = [...about].filter(isOrdinary).slice(0, ASK_LIMIT);
  // Whether the asking itself succeeds is not evidence: the answer, if any, is seen by the next scan.
  await netlink.request(asked.map((ip) => askNeighbour(ip, link, known.has(ip))));
  return found.map(({ ip, mac, age }) => ({
    ip,
    mac,
    evidence: "neighbour",
    ...(age === undefined ? {} : { age }),
  }));
}

async function neighbours(
  netlink: Netlink,
  bridge: string,
  states: number,
): Promise<readonly (NeighbourEntry & { readonly mac: Mac })[]> {
  const link = interfaceIndex(bridge);
  if (link === undefined) return [];
  return netlink.dump(messageType.getNeighbour, everyNeighbour(), (message) => {
    const entry = readNeighbour(message);
    if (entry?.link !== link || (entry.state & states) === 0 || !isOrdinary(entry.ip))
      return undefined;
    const { mac } = entry;
    return mac === undefined ? undefined : { ...entry, mac };
  });
}
