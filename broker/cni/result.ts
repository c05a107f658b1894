// The success JSON of ADD in the shape of each spec version: ips, routes and dns only, as an IPAM plugin answers.

import { type Ip, familyBits, ipFamily } from "#core/address.ts";
import type { Lease } from "#core/lease.ts";
import { type Pool, type Range, rangeFor } from "#core/range.ts";
import type { Dns } from "./dns.ts";
import type { RouteConf } from "./netconf.ts";
import { type CniVersion, isAtLeast } from "./version.ts";

/** One address with the prefix length of its subnet and the gateway that it uses. */
export interface Assigned {
  readonly ip: Ip;
  readonly prefixLength: number;
  readonly gateway?: Ip;
}

export interface Result {
  /** In range-set order. */
  readonly ips: readonly Assigned[];
  readonly routes: readonly RouteConf[];
  readonly dns: Dns;
}

/** What a lease means in its pool. An address outside of every range stands alone: no subnet, no gateway. */
export function assigned(lease: Lease, pool: Pool): Assigned {
  const { ip } = lease;
  const range = findRange(pool, ip);
  if (range === undefined) return { ip, prefixLength: familyBits(ipFamily(ip)) };
  const prefixLength = range.subnet.length;
  return range.gateway === undefined
    ? { ip, prefixLength }
    : { ip, prefixLength, gateway: range.gateway };
}

export function formatResult(version: CniVersion, result: Result): string {
  return JSON.stringify(
    isAtLeast(version, "0.3.0") ? listShape(version, result) : familyShape(version, result),
  );
}

/** CNI spec 0.3.0 and later; 0.3.0 to 0.4.0 name each address's version, 1.1.0 knows more of a route than dst and gw. */
function listShape(version: CniVersion, { ips, routes, dns }: Result): object {
  const withFamily = !isAtLeast(version, "1.0.0");
  const entries = ips.map(({ ip, prefixLength, gateway }) => ({
    ...(withFamily ? { version: String(ipFamily(ip)) } : {}),
    address: `${ip}/${prefixLength}`,
    ...(gateway === undefined ? {} : { gateway }),
  }));
  const shape = isAtLeast(version, "1.1.0") ? wholeRoute : plainRoute;
  return {
    cniVersion: version,
    ips: entries,
    ...(routes.length === 0 ? {} : { routes: routes.map(shape) }),
    dns,
  };
}

/** CNI spec 0.1.0 and 0.2.0: one object for each family, with that family's routes. */
function familyShape(version: CniVersion, { ips, routes, dns }: Result): object {
  const family = (wanted: 4 | 6) => {
    const own = ips.find(({ ip }) => ipFamily(ip) === wanted);
    if (own === undefined) return {};
    const matching = routes
      .filter(({ dst }) => dst.includes(":") === (wanted === 6))
      .map(plainRoute);
    return {
      [`ip${wanted}`]: {
        ip: `${own.ip}/${own.prefixLength}`,
        ...(own.gateway === undefined ? {} : { gateway: own.gateway }),
        ...(matching.length === 0 ? {} : { routes: matching }),
      },
    };
  };
  return { cniVersion: version, ...family(4), ...family(6), dns };
}

const plainRoute = ({ dst, gw }: RouteConf): object => (gw ? { dst, gw } : { dst });

function wholeRoute({ dst, gw, mtu, advmss, priority, table, scope }: RouteConf): object {
  const numbers = Object.entries({ mtu, advmss, priority, table, scope }).filter(
    ([, value]) => typeof value === "number",
  );
  return { dst, ...(gw ? { gw } : {}), ...Object.fromEntries(numbers) };
}

function findRange(pool: Pool, ip: Ip): Range | undefined {
  for (const set of pool.sets) {
    const range = rangeFor(set, ip);
    if (range !== undefined) return range;
  }
  return undefined;
}
