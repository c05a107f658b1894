// What happens to a fake project while somebody else works on it.

import { SUBNET, type TestNode } from "./node.ts";

export const podRange = "10.4.1.0/24";
export const other = "gke-demo-pool-2";
/** What init adds to an instance. */
export const ours = { ipCidrRange: SUBNET, subnetworkRangeName: "cocoon-pods" };

/** A range for all nodes, made before the first init. */
export function share(node: TestNode, ipCidrRange = "172.20.0.0/16"): void {
  node.fake.change({
    kind: "add-secondary-range",
    subnetwork: "nodes",
    rangeName: "cocoon-pods",
    ipCidrRange,
  });
}

/** Something happens the moment before a call of this name is served. */
export function before(node: TestNode, action: string, times: number, happening: () => void): void {
  const { log } = node.fake;
  const begin = log.begin.bind(log);
  let left = times;
  log.begin = (call, at) => {
    if (call.action === action && left > 0) {
      left--;
      happening();
    }
    return begin(call, at);
  };
}

export const patches = (node: TestNode) =>
  node.fake.log.calls.filter(({ action }) => action === "instances.updateNetworkInterface");
