// Network cards by their MAC: names change from boot to boot, MACs do not.

import { type Mac, macFromBytes } from "#core/address.ts";
import { everyLink } from "./link-codec.ts";
import { type Message, messageType, readAttributes, readText } from "./netlink-codec.ts";
import type { Netlink } from "./netlink.ts";

const LINK_BYTES = 16;
/** IFLA_ADDRESS and IFLA_IFNAME of if_link.h. */
const LINK_ADDRESS = 1;
const LINK_NAME = 3;

/**
 * Names by MAC; of several with one MAC the first that was made, since a VLAN comes after its card. Bridges, taps and the
 * like are in it too: only a MAC that is known to be a card's says something.
 */
export async function nicsByMac(netlink: Netlink): Promise<ReadonlyMap<Mac, string>> {
  const links = await netlink.dump(messageType.getLink, everyLink(), readNic);
  return new Map(
    links
      .toSorted((one, other) => other.index - one.index)
      .map(({ mac, name }): [Mac, string] => [mac, name]),
  );
}

/** `undefined`: there is no such link, or it has no MAC. */
export async function macOfLink(netlink: Netlink, index: number): Promise<Mac | undefined> {
  const links = await netlink.dump(messageType.getLink, everyLink(), readNic);
  return links.find((link) => link.index === index)?.mac;
}

function readNic({ type, body }: Message): { index: number; mac: Mac; name: string } | undefined {
  if (type !== messageType.newLink || body.length < LINK_BYTES) return undefined;
  const attributes = readAttributes(body, LINK_BYTES);
  const mac = attributes.get(LINK_ADDRESS);
  return mac?.length === 6
    ? {
        index: body.readInt32LE(4),
        mac: macFromBytes(mac),
        name: readText(attributes.get(LINK_NAME)),
      }
    : undefined;
}
