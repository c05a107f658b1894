// What teardown does on GKE: takes our own alias range from nic0 and gives the guest agent its setting back.

import type { CloudPlan, CloudStep, Removal } from "#provision/cloud.ts";
import { type Provisioning, entryOf } from "#provision/journal.ts";
import { keepStep } from "#provision/steps.ts";
import { AGENT_CONFIG } from "./guest-agent.ts";
import { checkInstance } from "./plan.ts";
import { type GkeSeen, placeOf } from "./seen.ts";
import { GUEST_AGENT, RESTORE_AGENT, isOfThisInstance, ownAliases, rangeStepId } from "./steps.ts";

export function planRemoval(
  removal: Removal,
  seen: GkeSeen,
  provisioning: Provisioning | undefined,
): CloudPlan {
  checkInstance(seen.identity, seen.instance);
  const range = seen.subnetwork.secondaryIpRanges.find(
    ({ rangeName }) => rangeName === seen.rangeName,
  );
  return {
    steps: [
      ...aliasSteps(removal, seen, provisioning),
      agentStep(seen, provisioning),
      ...(range === undefined
        ? []
        : [
            keepStep(
              `keep-range/${range.rangeName}`,
              `secondary range ${range.rangeName} of ${placeOf(seen.subnetworkReference)}`,
              "nodes share it, so it always stays",
            ),
          ]),
    ],
    warnings: warningsOf(seen, provisioning),
  };
}

/** Every alias of nic0, the ones that stay too, so that a person sees why. */
function aliasSteps(
  removal: Removal,
  { nic, instance, identity }: GkeSeen,
  provisioning: Provisioning | undefined,
): CloudStep[] {
  const ours = provisioning?.state !== "adopted" && isOfThisInstance(provisioning, identity);
  const target = (cidr: string) => `alias range ${cidr} on ${nic.name} of ${instance.name}`;
  const journaled = ours ? ownAliases(provisioning) : [];
  const shown = nic.aliasIpRanges.map(({ ipCidrRange: cidr, subnetworkRangeName = "" }) => {
    const made = journaled.some(
      (own) => own.cidr === cidr && own.rangeName === subnetworkRangeName,
    );
    const takable =
      (ours || provisioning === undefined) &&
      agrees(removal, cidr, subnetworkRangeName, instance.name);
    if (!made && !(takable && removal.includeUntagged))
      return keepStep(
        `keep-alias/${cidr}`,
        target(cidr),
        whyItStays(removal, provisioning, cidr, takable),
      );
    return {
      id: rangeStepId({ kind: "remove-alias", rangeName: subnetworkRangeName, cidr }),
      action: "remove",
      target: target(cidr),
      detail: "the others stay as they are, in their order",
      changes: ["instances.updateNetworkInterface"],
      reads: ["instances.get", "zoneOperations.wait"],
    } satisfies CloudStep;
  });
  const gone = journaled
    .filter(({ cidr }) => !nic.aliasIpRanges.some(({ ipCidrRange }) => ipCidrRange === cidr))
    .map(({ cidr }) => keepStep(`keep-alias/${cidr}`, target(cidr), "already gone"));
  return [...shown, ...gone];
}

/**
 * The Go version keeps no journal, and a lost one says nothing: without one, an alias is taken only if that is asked for
 * and everything that pool.json records agrees.
 */
function agrees(
  { pool, nodeName }: Removal,
  cidr: string,
  rangeName: string,
  instanceName: string,
): boolean {
  return (
    pool?.platform === "gke" &&
    pool.subnet === cidr &&
    pool.aliasRangeName !== "" &&
    pool.aliasRangeName === rangeName &&
    (pool.nodeName === nodeName || pool.nodeName === instanceName)
  );
}

function whyItStays(
  { pool }: Removal,
  provisioning: Provisioning | undefined,
  cidr: string,
  takable: boolean,
): string {
  if (pool?.subnet !== cidr) return "not ours";
  if (takable)
    return "no journal says that init made it; --include-untagged takes it, as what the Go version made";
  if (provisioning === undefined) return "pool.json does not name it with its range and this node";
  if (provisioning.state === "adopted")
    return "the node was adopted, and its alias was there before";
  return "it was made on another instance, or is not from the recorded range";
}

function agentStep(
  { agent, identity }: GkeSeen,
  provisioning: Provisioning | undefined,
): CloudStep {
  const set = entryOf(provisioning, GUEST_AGENT);
  const ours = provisioning?.state !== "adopted" && isOfThisInstance(provisioning, identity);
  if (set?.notes["file"] === undefined || !ours)
    return keepStep(RESTORE_AGENT, AGENT_CONFIG, "was not changed by init");
  const cutOff = entryOf(provisioning, RESTORE_AGENT)?.state === "intended";
  if (!agent.routesOff && !cutOff)
    return keepStep(RESTORE_AGENT, AGENT_CONFIG, "ip_aliases is no longer off");
  return {
    ...keepStep(RESTORE_AGENT, AGENT_CONFIG, ""),
    action: "write",
    detail: "ip_aliases as it was before init, the rest as it is; then restart the guest agent",
  };
}

function warningsOf({ identity }: GkeSeen, provisioning: Provisioning | undefined): string[] {
  if (provisioning === undefined || isOfThisInstance(provisioning, identity)) return [];
  return [
    `pool.json was made on instance ${provisioning.node["instance"] ?? "(unknown)"}, and this is ${identity.instance}: nothing is taken from either in the cloud`,
  ];
}
