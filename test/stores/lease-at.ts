// A lease at an address, for processes that run without the test runner.

import type { Ip } from "#core/address.ts";
import type { Lease } from "#core/lease.ts";

export function leaseAt(ip: Ip, more: Partial<Lease> = {}): Lease {
  const owner = {
    kind: "container",
    network: "pods",
    containerId: `container-${ip}`,
    ifname: "eth0",
  } as const;
  const attachment = {
    netns: "/run/netns/a",
    stamp: { bootId: "boot", boottime: "12345" },
    podName: "web-0",
  };
  return {
    ip,
    pool: "node",
    state: "leased",
    owner,
    sequence: 7,
    since: 1_790_000_000_000,
    attachment,
    routed: true,
    ...more,
  };
}
