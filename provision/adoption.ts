// Taking a node over as it is: a pool from flags and from what the machine shows, without any cloud call.

import { parseIp } from "#core/address.ts";
import { formatPrefix } from "#core/prefix.ts";
import {
  LISTED_LIMIT,
  type NicAddress,
  addressesOf,
  gatewayOf,
  refuse,
  refuseOverlap,
  subnetOf,
  usableAddresses,
} from "./block.ts";
import { type Provisioning, provisioningOf, withProvisioning } from "./journal.ts";
import { type PoolFile, formatPoolFile } from "./pool-file.ts";

/** What was asked for; what is left out is taken from an existing pool of that platform, then from the defaults. */
export interface AdoptionRequest {
  readonly platform: PoolFile["platform"];
  readonly nodeName: string;
  /** CIDR notation. */
  readonly subnet?: string | undefined;
  readonly gateway?: string | undefined;
  readonly poolSize?: number | undefined;
  readonly primaryNic?: string | undefined;
  readonly bridge: string;
  readonly dns: readonly string[];
  readonly dropCidr: readonly string[];
  readonly dropInternalAccess: boolean;
  readonly manageIptables: boolean;
}

/** What the machine shows. */
export interface AdoptionFacts {
  /** The interface of the default route. */
  readonly defaultNic: string | undefined;
  readonly links: readonly string[];
  /** Loopback included. */
  readonly addresses: readonly NicAddress[];
  readonly existing: PoolFile | undefined;
}

export interface AdoptionPlan {
  readonly pool: PoolFile;
  /** How many addresses can be given away. */
  readonly size: number;
  readonly warnings: readonly string[];
}

/** Addresses of an adopted node of a cloud, as in the Go version; a smaller subnet gives fewer. */
const CLOUD_POOL_SIZE = 253;
/** Names that udev and the kernel give to network cards. */
const cardName = /^(eth|en)[a-z0-9]+$/;

const adopted: Provisioning = {
  version: 1,
  state: "adopted",
  generation: "",
  node: {},
  vpcCIDRs: [],
  attachments: [],
  degraded: [],
  entries: [],
};

/** Throws a BrokerError that names the flag when the request makes no sense on this machine. */
export function planAdoption(
  request: AdoptionRequest,
  facts: AdoptionFacts,
  now: string,
): AdoptionPlan {
  const { existing } = facts;
  refuseOther(request, existing);
  const subnet = subnetOf(request.subnet ?? existing?.subnet, request.subnet === undefined);
  if (existing !== undefined && formatPrefix(subnet) !== existing.subnet) {
    throw refuse(
      `this node already has the pool ${existing.subnet}, not ${formatPrefix(subnet)}`,
      "keep that --subnet, or run cocoon-net teardown first",
    );
  }
  const gateway = gatewayOf(subnet, request.gateway ?? existing?.gateway);
  refuseOverlap(subnet, request.bridge, facts.addresses);
  const cloud = request.platform !== "local";
  const wanted = cloud
    ? (request.poolSize ?? Math.min(CLOUD_POOL_SIZE, usableAddresses(subnet, gateway)))
    : request.poolSize;
  const { ips, size } = addressesOf(subnet, gateway, wanted);
  if (cloud && ips === undefined)
    throw refuse(
      `--pool-size ${size} is more than the ${LISTED_LIMIT} addresses that a cloud's pool lists`,
      "give a smaller --pool-size",
    );
  const primaryNIC = nicOf(request, facts);
  const pool: PoolFile = {
    platform: request.platform,
    nodeName: request.nodeName,
    subnet: formatPrefix(subnet),
    gateway,
    primaryNIC,
    secondaryNICs: secondaryNics(request, facts, primaryNIC),
    ips,
    eniIDs: existing?.eniIDs ?? [],
    subnetID: existing?.subnetID ?? "",
    aliasRangeName: existing?.aliasRangeName ?? "",
    dnsServers: request.dns.flatMap((text) => parseIp(text) ?? []),
    dropInternalAccess: request.dropInternalAccess,
    dropCIDRs: [...request.dropCidr],
    updatedAt: now,
    manageIptables: request.manageIptables,
    extra: existing?.extra ?? {},
  };
  return {
    size,
    warnings: warningsOf(request, pool),
    pool: cloud ? withProvisioning(pool, provisioningOf(existing) ?? adopted) : pool,
  };
}

/** Whether two pools differ in anything but the time of writing. */
export const samePool = (one: PoolFile, other: PoolFile): boolean =>
  formatPoolFile({ ...one, updatedAt: "" }) === formatPoolFile({ ...other, updatedAt: "" });

function refuseOther(request: AdoptionRequest, existing: PoolFile | undefined): void {
  if (existing === undefined) return;
  if (existing.platform !== request.platform)
    throw refuse(
      `this node's pool was made for platform ${existing.platform}`,
      "run cocoon-net teardown first, then adopt again",
    );
  const state = provisioningOf(existing)?.state;
  if (state !== undefined && state !== "adopted")
    throw refuse(
      "this node's pool was made by cocoon-net init; adopting it would leave what init made in the cloud to nobody",
      "run cocoon-net init again to repair it, or cocoon-net teardown first",
    );
}

function warningsOf(request: AdoptionRequest, pool: PoolFile): readonly string[] {
  const warnings: string[] = [];
  if (pool.primaryNIC === "")
    warnings.push(
      "no default route: nothing is known of a primary NIC; name it with --primary-nic if there is one",
    );
  if (request.platform === "volcengine" && pool.secondaryNICs.length === 0)
    warnings.push(
      "no secondary NIC without address is here: attach the ENIs by hand before packets can come in (docs/volcengine.md)",
    );
  return warnings;
}

/** As recorded, once some are. On Volcengine packets come in by cards without an address; elsewhere there are none. */
function secondaryNics(
  { platform, bridge }: AdoptionRequest,
  { links, addresses, existing }: AdoptionFacts,
  primaryNic: string,
): readonly string[] {
  if (existing !== undefined && existing.secondaryNICs.length > 0) return existing.secondaryNICs;
  if (platform !== "volcengine") return [];
  return links.filter(
    (link) =>
      cardName.test(link) &&
      link !== primaryNic &&
      link !== bridge &&
      !addresses.some(({ nic }) => nic === link),
  );
}

/** Empty when the machine has no default route. */
function nicOf(request: AdoptionRequest, facts: AdoptionFacts): string {
  const nic = request.primaryNic ?? facts.defaultNic ?? "";
  if (nic === request.bridge)
    throw refuse(
      `the primary NIC ${nic} cannot be the bridge itself`,
      "name another with --primary-nic, or the bridge with --bridge",
    );
  if (request.primaryNic !== undefined && !facts.links.includes(nic))
    throw refuse(
      `--primary-nic ${nic} does not exist`,
      `this machine has: ${facts.links.join(" ")}`,
    );
  return nic;
}
