// Which network namespaces the node's links lead into, by the numbers that the kernel gives to namespaces (rtnetlink NSID).

import { open } from "node:fs/promises";
import { everyLink } from "./link-codec.ts";
import { type Message, attribute, messageType, readAttributes, uint32 } from "./netlink-codec.ts";
import { NetlinkError } from "./netlink-error.ts";
import type { Netlink } from "./netlink.ts";

/** RTM_NEWNSID, RTM_GETNSID (rtnetlink.h); NETNSA_* (net_namespace.h); IFLA_LINK_NETNSID (if_link.h). */
const NEW_ID = 88;
const GET_ID = 90;
const ID = 1;
const DESCRIPTOR = 3;
const LINK_PEER = 37;
const GENERIC_BYTES = 4;
const LINK_BYTES = 16;
/** What a namespace without a number answers. */
const NONE = -1;
/** How long one reading of the links serves, in milliseconds: one look of the reconciler asks for every lease. */
const LINKS_KEPT = 1_000;

export interface Peers {
  /** Whether a link of ours has its other end in the namespace; undefined where the kernel cannot tell. */
  leadInto(path: string): Promise<boolean | undefined>;
}

export function openPeers(netlink: Netlink): Peers {
  let kept: { readonly ids: Promise<ReadonlySet<number>>; readonly until: number } | undefined;
  const linked = (): Promise<ReadonlySet<number>> => {
    const now = performance.now();
    if (kept === undefined || kept.until < now)
      kept = { ids: readPeers(netlink), until: now + LINKS_KEPT };
    return kept.ids;
  };
  return {
    async leadInto(path) {
      // First the links: reading them gives their namespaces numbers that have none yet.
      const ids = await linked();
      const id = await idOf(netlink, path);
      return id === undefined ? undefined : ids.has(id);
    },
  };
}

async function readPeers(netlink: Netlink): Promise<ReadonlySet<number>> {
  return new Set(
    await netlink.dump(messageType.getLink, everyLink(), ({ type, body }) =>
      type === messageType.newLink && body.length >= LINK_BYTES
        ? readAttributes(body, LINK_BYTES).get(LINK_PEER)?.readInt32LE(0)
        : undefined,
    ),
  );
}

async function idOf(netlink: Netlink, path: string): Promise<number | undefined> {
  await using file = await open(path, "r");
  const body = Buffer.concat([Buffer.alloc(GENERIC_BYTES), attribute(DESCRIPTOR, uint32(file.fd))]);
  try {
    const [id] = await netlink.dump(GET_ID, body, readId, "entry");
    return id ?? NONE;
  } catch (thrown) {
    if (thrown instanceof NetlinkError) return undefined;
    throw thrown;
  }
}

const readId = ({ type, body }: Message): number | undefined =>
  type === NEW_ID ? readAttributes(body, GENERIC_BYTES).get(ID)?.readInt32LE(0) : undefined;
