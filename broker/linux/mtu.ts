// MTU of network interfaces, from sysfs.

import { readFile } from "node:fs/promises";

/** RFC 894; what is assumed of an interface that is not there. */
const ETHERNET_MTU = 1_500;
/** What a bridge can have (ETH_MAX_MTU); loopback has more, and is the primary NIC of nodes that have no other. */
const LARGEST_MTU = 65_535;

/** The smallest MTU of the interfaces in bytes: what the bridge and everything behind it may use. */
export async function smallestMtu(interfaces: readonly string[]): Promise<number> {
  const sizes = await Promise.all(interfaces.filter((name) => name !== "").map(readMtu));
  return Math.min(
    LARGEST_MTU,
    ...sizes.filter((size) => size > 0),
    ...(sizes.length === 0 ? [ETHERNET_MTU] : []),
  );
}

async function readMtu(name: string): Promise<number> {
  try {
    return Number(await readFile(`/sys/class/net/${name}/mtu`, "utf8"));
  } catch {
    // The node's set-up reports an interface that is missing.
    return ETHERNET_MTU;
  }
}
