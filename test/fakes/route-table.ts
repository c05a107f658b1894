// A route table in memory that prints itself as `ip route` and `ip neigh` would.

import type { Ip, Mac } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import type { RouteTable } from "#core/ports.ts";

export interface FakeRouteTable extends RouteTable {
  /** Sorted lines, for example `10.0.0.5 dev cni0 scope link proto 204` and `10.0.0.5 lladdr … PERMANENT`. */
  lines(): readonly string[];
  /** Takes the bridge away with everything on it, or makes it anew. */
  setBridge(present: boolean): void;
}

export function fakeRouteTable(bridge = "cni0"): FakeRouteTable {
  const routes = new Map<Ip, Mac | undefined>();
  let present = true;
  const failure = (ip: Ip) =>
    new BrokerError("route-failed", `cannot route ${ip}: there is no interface ${bridge}`);
  return {
    list: () =>
      Promise.resolve([...routes].map(([ip, mac]) => (mac === undefined ? { ip } : { ip, mac }))),
    stands: (ip) => Promise.resolve(routes.has(ip)),
    apply: (changes) =>
      Promise.resolve(
        changes.map((change) => {
          if (change.op === "delete") routes.delete(change.ip);
          else if (present) routes.set(change.ip, change.mac);
          else return failure(change.ip);
          return undefined;
        }),
      ),
    lines: () =>
      [...routes]
        .flatMap(([ip, mac]) => [
          `${ip} dev ${bridge} scope link proto 204`,
          ...(mac === undefined ? [] : [`${ip} lladdr ${mac} PERMANENT`]),
        ])
        .toSorted(),
    setBridge(now) {
      present = now;
      if (!now) routes.clear();
    },
  };
}
