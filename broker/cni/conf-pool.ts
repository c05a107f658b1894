// From which pool a call draws: the ranges of its conf, in host-local's order, or else the node's own pool.

import {
  type Pool,
  type RangeSet,
  checkRangeSets,
  parseRange,
  parseRangeSet,
} from "#core/range.ts";
import type { CniFailure } from "./failure.ts";
import { type Netconf, type RangeConf, invalidConf } from "./netconf.ts";
import { type CniVersion, isAtLeast } from "./version.ts";

/** The name under which a conf may ask for the node's pool. */
const NODE_POOL = "node";

/** `undefined`: the node's pool. Conf ranges get no host route: they belong to some other bridge (spec section 3). */
export function confPool(
  network: string,
  version: CniVersion,
  conf: Netconf,
): Pool | undefined | CniFailure {
  const given = givenSets(conf);
  const { pool } = conf.ipam;
  if (given.length === 0) {
    if (pool === undefined || pool === null || pool === "" || pool === NODE_POOL) return undefined;
    return invalidConf(
      `pool ${JSON.stringify(pool)} is unknown on this node`,
      `leave out ipam.pool, or name the pool "${NODE_POOL}"`,
    );
  }
  if (pool !== undefined && pool !== null && pool !== "") {
    return invalidConf("ipam.pool and ranges exclude each other", "leave out one of them");
  }
  const sets: RangeSet[] = [];
  for (const [index, ranges] of given.entries()) {
    const set = parseSet(ranges);
    if (typeof set === "string") return invalidConf(`invalid range set ${index}: ${set}`);
    sets.push(set);
  }
  return (
    checkFamilies(sets, version) ??
    checkOverlaps(sets) ?? { name: `ranges of ${network}`, sets, routed: false }
  );
}

/** CNI spec 0.2.0 and before: a result holds one address per family. */
export function checkFamilies(
  sets: readonly RangeSet[],
  version: CniVersion,
): CniFailure | undefined {
  if (isAtLeast(version, "0.3.0")) return undefined;
  const families = sets.map((set) => set[0]?.family);
  if (new Set(families).size === families.length) return undefined;
  return invalidConf(`CNI version ${version} does not support more than 1 address per family`);
}

function checkOverlaps(sets: readonly RangeSet[]): CniFailure | undefined {
  const overlap = checkRangeSets(sets);
  return overlap === undefined ? undefined : invalidConf(overlap);
}

/** runtimeConfig.ipRanges first, then the old style's one range, then `ranges`. */
function givenSets({ ipam, runtimeConfig }: Netconf): readonly (readonly RangeConf[])[] {
  const { subnet } = ipam;
  const old =
    subnet === undefined || subnet === null || subnet === "" ? [] : [[{ ...ipam, subnet }]];
  return [...(runtimeConfig?.ipRanges ?? []), ...old, ...(ipam.ranges ?? [])];
}

function parseSet(confs: readonly RangeConf[]): RangeSet | string {
  const ranges = [];
  for (const conf of confs) {
    const range = parseRange(withoutNulls(conf));
    if (typeof range === "string") return range;
    ranges.push(range);
  }
  return parseRangeSet(ranges);
}

function withoutNulls({
  subnet,
  rangeStart,
  rangeEnd,
  gateway,
  exclude,
}: RangeConf): Parameters<typeof parseRange>[0] {
  return {
    subnet,
    ...(rangeStart ? { rangeStart } : {}),
    ...(rangeEnd ? { rangeEnd } : {}),
    ...(gateway ? { gateway } : {}),
    ...(exclude ? { exclude } : {}),
  };
}
