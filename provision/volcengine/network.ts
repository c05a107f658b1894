// Subnets and interfaces of the VPC that concern a node, read page by page.

import { BrokerError } from "#core/errors.ts";
import type { Scope } from "#provision/cloud.ts";
import {
  type InterfaceAnswer,
  type SubnetAnswer,
  describeInterfaces,
  describeSubnets,
} from "./actions.ts";
import type { Api, Parameters } from "./api.ts";
import {
  MANAGED_BY,
  NODE_TAG,
  type SeenInterface,
  type SeenSubnet,
  interfaceOf,
  isTagged,
  sameBlock,
  subnetOf,
} from "./seen.ts";

/** The largest page that the API gives. */
const PAGE_SIZE = 100;
/** No VPC has more subnets, no node more interfaces, than this many pages hold. */
const MAX_PAGES = 20;

export interface Network {
  readonly subnets: readonly SeenSubnet[];
  readonly interfaces: readonly SeenInterface[];
}

export async function readNetwork(
  api: Api,
  scope: Scope,
  vpc: string,
  signal: AbortSignal,
): Promise<Network> {
  const subnets = await readSubnets(api, vpc, signal);
  return { subnets, interfaces: await readInterfaces(api, scope, vpc, subnets, signal) };
}

export const nodeSubnet = (subnets: readonly SeenSubnet[], scope: Scope): SeenSubnet | undefined =>
  subnets.find(({ block, tags }) =>
    scope.subnet === undefined ? isTagged(tags, scope.nodeName) : sameBlock(block, scope.subnet),
  );

async function readSubnets(
  api: Api,
  vpc: string,
  signal: AbortSignal,
): Promise<readonly SeenSubnet[]> {
  const found = await pages<SubnetAnswer>(async (page) => {
    const { Subnets, TotalCount } = await api.call(
      describeSubnets,
      { VpcId: vpc, ...page },
      signal,
    );
    return { entries: Subnets, total: TotalCount };
  });
  return found.flatMap(subnetOf);
}

/**
 * By instance; by tags, since an earlier run may have been given another subnet; and all that is in the node's subnet or
 * in one that its tags name, since a subnet must not be thought empty because nobody looked.
 */
async function readInterfaces(
  api: Api,
  scope: Scope,
  vpc: string,
  subnets: readonly SeenSubnet[],
  signal: AbortSignal,
): Promise<readonly SeenInterface[]> {
  const ofNode = [
    { Key: MANAGED_BY.key, Values: [MANAGED_BY.value] },
    { Key: NODE_TAG, Values: [scope.nodeName] },
  ];
  const own = nodeSubnet(subnets, scope);
  const filters: Parameters[] = [
    { InstanceId: scope.identity.instance },
    { VpcId: vpc, TagFilters: ofNode },
    ...subnets
      .filter((subnet) => subnet === own || isTagged(subnet.tags, scope.nodeName))
      .map(({ id }) => ({ SubnetId: id })),
  ];
  const found = new Map<string, SeenInterface>();
  for (const filter of filters)
    for (const one of await interfacesBy(api, filter, signal)) found.set(one.id, one);
  return [...found.values()];
}

export async function interfacesBy(
  api: Api,
  filter: Parameters,
  signal: AbortSignal,
): Promise<readonly SeenInterface[]> {
  const entries = await pages<InterfaceAnswer>(async (page) => {
    const answer = await api.call(describeInterfaces, { ...filter, ...page }, signal);
    return { entries: answer.NetworkInterfaceSets, total: answer.TotalCount };
  });
  return entries.map(interfaceOf);
}

/** All pages of a list, in the order of the cloud. */
async function pages<Entry>(
  read: (page: Parameters) => Promise<{ entries: readonly Entry[]; total: number }>,
): Promise<readonly Entry[]> {
  const all: Entry[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const { entries, total } = await read({ PageNumber: page, PageSize: PAGE_SIZE });
    all.push(...entries);
    if (entries.length === 0 || all.length >= total) return all;
  }
  throw new BrokerError(
    "cloud-conflict",
    `a list of the cloud has more than ${MAX_PAGES * PAGE_SIZE} entries`,
    {
      hint: "remove what is not needed in this VPC",
    },
  );
}
