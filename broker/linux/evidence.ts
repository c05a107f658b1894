// What shows on this machine that addresses are in use, behind the core's Evidence port.

import { stat, statfs } from "node:fs/promises";
import type { Ip } from "#core/address.ts";
import type { Attachment } from "#core/lease.ts";
import type { Evidence, NamespaceState, RouteTable } from "#core/ports.ts";
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
type Seen = Awaited<ReturnType<Evidence["scan"]>>[number];

/** Magic number of nsfs (include/uapi/linux/magic.h): what a live namespace's file lies on. */
const NSFS = 0x6e73_6673;
/** Neighbours asked by one scan: each costs up to three ARP requests. */
const ASK_LIMIT = 256;
/** Has answered within seconds, or is being asked. A stale entry stays for ever and a permanent one was set by somebody. */
const ANSWERING = neighbourState.reachable | neighbourState.delay | neighbourState.probe;
const IN_USE = ANSWERING | neighbourState.stale | neighbourState.permanent;

export function openEvidence({ netlink, routes, bridge }: EvidenceOptions): Evidence {
  const peers = openPeers(netlink);
  return {
    attachment: (attachment) => stateOf(peers, attachment),
    async scan(only, about) {
      if (only === "answering") return answering(netlink, bridge, about ?? new Set());
      const inside = (await namespaceAddresses()).map(({ ip }): Seen => ({
        ip,
        evidence: "namespace",
      }));
      if (only === "namespace") return inside;
      const standing = await routes.list();
      return [
        ...standing.map((route): Seen => ({ ...route, evidence: "route" })),
        ...(await neighbours(netlink, bridge, IN_USE)),
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
): Promise<readonly Seen[]> {
  const found = await neighbours(netlink, bridge, ANSWERING);
  const link = interfaceIndex(bridge);
  if (link === undefined) return found;
  const answered = new Set(found.map(({ ip }) => ip));
  const silent = [...about].filter((ip) => !answered.has(ip) && isOrdinary(ip));
  // Whether the asking itself succeeds is not evidence: the answer, if any, is seen by the next scan.
  await netlink.request(silent.slice(0, ASK_LIMIT).map((ip) => askNeighbour(ip, link)));
  return found;
}

async function neighbours(
  netlink: Netlink,
  bridge: string,
  states: number,
): Promise<readonly Seen[]> {
  const link = interfaceIndex(bridge);
  if (link === undefined) return [];
  const entries = await netlink.dump(
    messageType.getNeighbour,
    everyNeighbour(),
    (message): NeighbourEntry | undefined => {
      const entry = readNeighbour(message);
      return entry?.link === link && (entry.state & states) !== 0 ? entry : undefined;
    },
  );
  return entries.flatMap(({ ip, mac }) =>
    mac === undefined || !isOrdinary(ip) ? [] : [{ ip, mac, evidence: "neighbour" }],
  );
}
