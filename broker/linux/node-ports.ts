// The machine as node set-up needs it: links, sysctls, iptables and what must outlive the broker.

import type { NodePorts } from "#broker/node/ports.ts";
import { readBootId } from "./boot.ts";
import { openFirewall } from "./firewall.ts";
import { openLinks } from "./links.ts";
import type { Netlink } from "./netlink.ts";
import { openTables } from "./nftables.ts";
import { openNodeMemory } from "./node-memory.ts";
import { sysctls } from "./sysctl.ts";

export function openNodePorts(netlink: Netlink, memoryPath: string): NodePorts {
  return {
    links: openLinks(netlink),
    sysctls,
    firewall: openFirewall(),
    tables: openTables(),
    memory: openNodeMemory(memoryPath, readBootId()),
  };
}
