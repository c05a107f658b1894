// Reads everything that plans depend on: instance, limits, VPC, subnets, interfaces, security groups, and this machine.

import { BrokerError } from "#core/errors.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Scope } from "#provision/cloud.ts";
import type { Notes, Provisioning } from "#provision/journal.ts";
import {
  type InterfaceAnswer,
  type SubnetAnswer,
  describeInstanceTypes,
  describeInstances,
  describeInterfaces,
  describeSecurityGroup,
  describeSubnets,
  describeVpcAttributes,
} from "./actions.ts";
import type { Api, Parameters } from "./api.ts";
import type { Host } from "./host.ts";
import {
  INSTANCE_TAG,
  MANAGED_BY,
  NODE_TAG,
  type SeenGroup,
  type SeenInterface,
  type SeenSubnet,
  type VolcengineSeen,
  interfaceOf,
  isTagged,
  sameBlock,
  subnetOf,
} from "./seen.ts";
import { HIDDEN_MS, SETTLE, pause, waiting } from "./waiting.ts";
import { interfaceName } from "./names.ts";

/** The largest page that the API gives. */
const PAGE_SIZE = 100;
/** No VPC has more subnets, no node more interfaces, than this many pages hold. */
const MAX_PAGES = 20;
/** States that end by themselves within a minute or two. */
const passing = new Set(["Creating", "Attaching", "Detaching", "Deleting"]);

export interface Observer {
  readonly api: Api;
  readonly host: Host;
  readonly warnings: readonly string[];
  /** Tries of the journal that this process has already waited for in vain: it does not wait for them again. */
  readonly waited: Set<string>;
}

export async function observe(
  { api, host, warnings, waited }: Observer,
  scope: Scope,
  signal: AbortSignal,
): Promise<VolcengineSeen> {
  const instance = await readInstance(api, scope.identity.instance, signal);
  const limits = await readLimits(api, instance.InstanceTypeId, signal);
  const vpc = await api.call(describeVpcAttributes, { VpcId: instance.VpcId }, signal);
  const { subnets, interfaces } = await settled(api, scope, instance.VpcId, waited, signal);
  const primary = interfaces.find(
    ({ type, instance: on }) => type === "primary" && on === instance.InstanceId,
  );
  const groupIds = scope.securityGroups.length > 0 ? scope.securityGroups : (primary?.groups ?? []);
  const groups: SeenGroup[] = [];
  for (const id of groupIds) groups.push(await readGroup(api, id, signal));
  const recorded = scope.pool?.eniIDs ?? [];
  const others = interfaces
    .filter(({ id }) => recorded.includes(id))
    .flatMap((one) => one.groups.filter((id) => !groupIds.includes(id)));
  const guestGroups: SeenGroup[] = [];
  for (const id of new Set(others)) guestGroups.push(await readGroup(api, id, signal));
  return {
    nodeName: scope.nodeName,
    instance: instance.InstanceId,
    instanceStatus: instance.Status,
    instanceType: instance.InstanceTypeId,
    region: api.region,
    zone: instance.ZoneId,
    vpc: {
      id: vpc.VpcId,
      blocks: [vpc.CidrBlock, ...vpc.SecondaryCidrBlocks].flatMap(
        (text) => parsePrefix(text) ?? [],
      ),
    },
    limits,
    attached: instance.NetworkInterfaces.map(({ NetworkInterfaceId }) => NetworkInterfaceId),
    subnets,
    interfaces,
    groups,
    guestGroups,
    recorded,
    host: await host.observe(),
    now: api.timing.now(),
    warnings,
  };
}

async function readInstance(api: Api, id: string, signal: AbortSignal) {
  const { Instances } = await api.call(describeInstances, { InstanceIds: [id] }, signal);
  const found = Instances.find(({ InstanceId }) => InstanceId === id);
  if (found !== undefined) return found;
  throw new BrokerError("cloud-conflict", `instance ${id} is not found in region ${api.region}`, {
    hint: "check that the credentials belong to the account of this instance",
  });
}

async function readLimits(api: Api, type: string, signal: AbortSignal) {
  const { InstanceTypes } = await api.call(
    describeInstanceTypes,
    { InstanceTypeIds: [type] },
    signal,
  );
  const found = InstanceTypes.find(({ InstanceTypeId }) => InstanceTypeId === type);
  if (found === undefined)
    throw new BrokerError(
      "cloud-conflict",
      `the cloud does not know the limits of instance type ${type}`,
      {
        hint: "see whether ecs:DescribeInstanceTypes lists it for this account and region",
      },
    );
  const { MaximumNetworkInterfaces, MaximumPrivateIpv4AddressesPerNetworkInterface } =
    found.Network;
  return {
    interfaces: MaximumNetworkInterfaces,
    addresses: MaximumPrivateIpv4AddressesPerNetworkInterface,
  };
}

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

interface Network {
  readonly subnets: readonly SeenSubnet[];
  readonly interfaces: readonly SeenInterface[];
}

/** Subnets and interfaces once nothing of ours is between two states or may still be invisible, or after a while. */
async function settled(
  api: Api,
  scope: Scope,
  vpc: string,
  waited: Set<string>,
  signal: AbortSignal,
): Promise<Network> {
  const state = waiting(SETTLE);
  for (;;) {
    const subnets = await readSubnets(api, vpc, signal);
    const subnet = nodeSubnet(subnets, scope);
    const interfaces = await readInterfaces(api, scope, vpc, subnet?.id, signal);
    const seen = { subnets, interfaces };
    if (scope.glance === true) return seen;
    const moving = interfaces.some(
      ({ status, tags, id }) =>
        passing.has(status) &&
        (isTagged(tags, scope.nodeName) || scope.pool?.eniIDs.includes(id) === true),
    );
    const hidden = hiddenTries(scope, seen, api.timing.now());
    if (!moving && hidden.every((attempt) => waited.has(attempt))) return seen;
    if (await pause(state, api.timing, signal)) continue;
    for (const attempt of hidden) waited.add(attempt);
    return seen;
  }
}

const nodeSubnet = (subnets: readonly SeenSubnet[], scope: Scope): SeenSubnet | undefined =>
  subnets.find(({ block, tags }) =>
    scope.subnet === undefined ? isTagged(tags, scope.nodeName) : sameBlock(block, scope.subnet),
  );

/** What a run that was cut off asked for, or may have, and lists do not show yet: each as step and moment. */
function hiddenTries(
  { provisioning, nodeName, ...scope }: Scope,
  seen: Network,
  now: number,
): readonly string[] {
  const entries = provisioning?.entries ?? [];
  const asked = entries.filter(
    ({ at, refused }) => refused !== true && now - Date.parse(at) < HIDDEN_MS,
  );
  const hidden = asked.filter(({ step, notes }) => {
    if (isDeleted(entries, notes["eniID"] ?? notes["subnetID"])) return false;
    if (step === "create-subnet")
      return nodeSubnet(seen.subnets, { ...scope, provisioning, nodeName }) === undefined;
    const slot = /^create-eni\/([0-9]+)$/.exec(step)?.[1];
    if (slot === undefined) return false;
    const name = interfaceName(nodeName, Number(slot));
    return !seen.interfaces.some((one) => one.id === notes["eniID"] || one.name === name);
  });
  return hidden.map(({ step, at }) => `${step} ${at}`);
}

/** Whether a later step deleted it: that it is not shown is right then. */
const isDeleted = (entries: Provisioning["entries"], id: Notes[string] | undefined): boolean =>
  id !== undefined &&
  entries.some(
    ({ step, state, notes }) =>
      (state === "done" && /^delete-(?:eni|subnet)\/(.*)$/.exec(step)?.[1] === id) ||
      notes["deleted"] === id,
  );

/** By instance and by subnet; by tags too, when nothing says where else ours might be. */
async function readInterfaces(
  api: Api,
  scope: Scope,
  vpc: string,
  subnetID: string | undefined,
  signal: AbortSignal,
): Promise<readonly SeenInterface[]> {
  const ofNode = [
    { Key: MANAGED_BY.key, Values: [MANAGED_BY.value] },
    { Key: NODE_TAG, Values: [scope.nodeName] },
  ];
  const filters: Parameters[] = [
    { InstanceId: scope.identity.instance },
    ...(subnetID === undefined ? [] : [{ SubnetId: subnetID }]),
    ...(subnetID === undefined || scope.provisioning === undefined
      ? [{ VpcId: vpc, TagFilters: ofNode }]
      : []),
  ];
  const found = new Map<string, SeenInterface>();
  for (const filter of filters) {
    const entries = await pages<InterfaceAnswer>(async (page) => {
      const answer = await api.call(describeInterfaces, { ...filter, ...page }, signal);
      return { entries: answer.NetworkInterfaceSets, total: answer.TotalCount };
    });
    for (const entry of entries.map(interfaceOf)) found.set(entry.id, entry);
  }
  return [...found.values()];
}

async function readGroup(api: Api, id: string, signal: AbortSignal): Promise<SeenGroup> {
  const { Permissions } = await api.call(
    describeSecurityGroup,
    { SecurityGroupId: id, Direction: "ingress" },
    signal,
  );
  return { id, rules: Permissions.filter(({ Direction }) => Direction === "ingress") };
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

/** Tags of what is made for a node. */
export const tagsFor = (nodeName: string, instance: string): readonly Parameters[] => [
  { Key: MANAGED_BY.key, Value: MANAGED_BY.value },
  { Key: NODE_TAG, Value: nodeName },
  { Key: INSTANCE_TAG, Value: instance },
];
