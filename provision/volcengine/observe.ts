// Reads everything that plans depend on: instance, limits, VPC, subnets, interfaces, security groups, and this machine.

import { parsePrefix } from "#core/prefix.ts";
import type { Scope } from "#provision/cloud.ts";
import { describeVpcAttributes } from "./actions.ts";
import type { Api } from "./api.ts";
import { groupsForNew, readGroup } from "./groups.ts";
import { hiddenTries } from "./hidden.ts";
import type { Host } from "./host.ts";
import { readInstance, readLimits } from "./instance.ts";
import { type Network, nodeSubnet, readNetwork } from "./network.ts";
import { guestInterfaces } from "./ownership.ts";
import { type SeenGroup, type VolcengineSeen, isTagged } from "./seen.ts";
import { SETTLE, pause, waiting } from "./waiting.ts";

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
  const ours = interfaces.filter(
    (one) => isTagged(one.tags, scope.nodeName) && one.subnetID === nodeSubnet(subnets, scope)?.id,
  );
  const groupIds = groupsForNew(scope.securityGroups, ours, primary);
  const groups: SeenGroup[] = [];
  for (const id of groupIds) groups.push(await readGroup(api, id, signal));
  const recorded = scope.pool?.eniIDs ?? [];
  const adopted =
    scope.provisioning?.state === "adopted"
      ? guestInterfaces({ interfaces, instance: instance.InstanceId })
      : [];
  const others = interfaces
    .filter((one) => recorded.includes(one.id) || adopted.includes(one))
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
    const seen = await readNetwork(api, scope, vpc, signal);
    if (scope.glance === true) return seen;
    const moving = seen.interfaces.some(
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
