// The kernel's state beside the routes, behind the core's Inspection port.

import type { Inspection } from "#core/ports.ts";
import { interfaceIndex } from "./libc.ts";
import { messageType } from "./netlink-codec.ts";
import type { Netlink } from "./netlink.ts";
import { isOrdinary, namespaceAddresses } from "./process-namespaces.ts";
import { everyNeighbour, neighbourState, readNeighbour } from "./route-codec.ts";

export function openInspection(netlink: Netlink, bridge: string): Inspection {
  return {
    async neighbours() {
      const link = interfaceIndex(bridge);
      if (link === undefined) return [];
      return netlink.dump(messageType.getNeighbour, everyNeighbour(), (message) => {
        const entry = readNeighbour(message);
        if (entry?.link !== link || (entry.state & neighbourState.permanent) === 0)
          return undefined;
        const { ip, mac } = entry;
        return mac === undefined || !isOrdinary(ip) ? undefined : { ip, mac };
      });
    },
    inside: namespaceAddresses,
  };
}
