// The pool that a GKE node can use, and what pool.json says against what is there.

import { type Ip, ipFromNumber } from "#core/address.ts";
import {
  type Prefix,
  containsPrefix,
  formatPrefix,
  parsePrefix,
  prefixLast,
} from "#core/prefix.ts";
import type { Difference, Goal, Published } from "#provision/cloud.ts";
import { provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { remedyOf } from "#provision/remedy.ts";
import { RANGE_REMEDY, type GkeSeen, placeOf } from "./seen.ts";
import { isOfThisInstance } from "./steps.ts";

/** The node's addresses; none while its alias is not there. */
export function publish(goal: Goal, seen: GkeSeen): Published {
  const cidr = formatPrefix(goal.subnet);
  const alias = seen.nic.aliasIpRanges.find(({ ipCidrRange }) => ipCidrRange === cidr);
  return {
    primaryNIC: seen.link ?? "",
    secondaryNICs: [],
    ips: alias === undefined ? [] : addressesOf(goal.subnet, goal.gateway, goal.poolSize),
    eniIDs: [],
    subnetID: "",
    aliasRangeName: alias?.subnetworkRangeName ?? "",
    vpcCIDRs: rangesOf(seen),
    attachments: [],
    degraded: [],
  };
}

/** What is known of the VPC: the node's subnetwork with all of its ranges. */
const rangesOf = ({ subnetwork }: GkeSeen): string[] => [
  subnetwork.ipCidrRange,
  ...subnetwork.secondaryIpRanges.map(({ ipCidrRange }) => ipCidrRange),
];

/** In ascending order, without network, broadcast and gateway. */
export function addressesOf(subnet: Prefix, gateway: Ip, limit: number): Ip[] {
  const addresses: Ip[] = [];
  const last = prefixLast(subnet);
  for (let value = subnet.base + 1n; value < last && addresses.length < limit; value++) {
    const address = ipFromNumber(subnet.family, value);
    if (address !== gateway) addresses.push(address);
  }
  return addresses;
}

/** What pool.json says and the cloud or this machine does not. */
export function compare(pool: PoolFile, seen: GkeSeen): readonly Difference[] {
  const { nic, instance, identity } = seen;
  const differences: Difference[] = [];
  const provisioning = provisioningOf(pool);
  const recorded = provisioning?.node["instance"];
  if (recorded !== undefined && !isOfThisInstance(provisioning, identity))
    differences.push({
      what: "instance",
      recorded,
      found: identity.instance,
      hint: "this disk is a copy, or the node was made anew: remove the state folder and run init with a --subnet of its own",
    });
  if (instance.id !== identity.instance)
    differences.push({
      what: `instance named ${instance.name}`,
      recorded: identity.instance,
      found: instance.id,
      hint: "the node was made anew under its name: run the command on the instance that lives now",
    });
  const alias = nic.aliasIpRanges.find(({ ipCidrRange }) => ipCidrRange === pool.subnet);
  if (alias === undefined)
    differences.push({
      what: `alias range on ${nic.name} of ${instance.name}`,
      recorded: pool.subnet,
      found: nic.aliasIpRanges.map(({ ipCidrRange }) => ipCidrRange).join(", ") || "none",
      hint: `guests cannot be reached: ${remedyOf(pool)}`,
      topic: "origin",
    });
  else differences.push(...originDifferences(pool, alias.subnetworkRangeName ?? ""));
  if (alias === undefined || alias.subnetworkRangeName === seen.rangeName)
    differences.push(...rangeDifferences(pool, seen));
  if (pool.primaryNIC !== (seen.link ?? ""))
    differences.push({
      what: `link with the MAC ${seen.mac} of nic0`,
      recorded: pool.primaryNIC || "none",
      found: seen.link ?? "none",
      hint: `${remedyOf(pool)}, or adopt with the right --primary-nic`,
    });
  if (seen.agent.units.length > 0 && !seen.agent.routesOff)
    differences.push({
      what: "the guest agent's routes for alias ranges",
      recorded: "off",
      found: "on",
      hint: `${remedyOf(pool)}; until then the broker removes the route whenever it comes back`,
      topic: "agent",
    });
  return differences;
}

/** The range may have been made by the init of another node, for that node alone. */
function rangeDifferences({ subnet }: PoolFile, seen: GkeSeen): Difference[] {
  const range = seen.subnetwork.secondaryIpRanges.find(
    ({ rangeName }) => rangeName === seen.rangeName,
  );
  const [outer, inner] = [parsePrefix(range?.ipCidrRange ?? ""), parsePrefix(subnet)];
  if (outer === undefined || inner === undefined || containsPrefix(outer, inner)) return [];
  return [
    {
      what: `secondary range ${seen.rangeName} of ${placeOf(seen.subnetworkReference)}`,
      recorded: `covers ${subnet}`,
      found: formatPrefix(outer),
      hint: RANGE_REMEDY,
      topic: "range",
    },
  ];
}

function originDifferences({ aliasRangeName, subnet }: PoolFile, found: string): Difference[] {
  if (aliasRangeName === "" || aliasRangeName === found) return [];
  return [
    {
      what: `secondary range of alias ${subnet}`,
      recorded: aliasRangeName,
      found: found || "the primary range",
      hint: "correct aliasRangeName in pool.json",
    },
  ];
}
