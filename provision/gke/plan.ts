// What init does on GKE, decided from what is there: the secondary range, the alias range on nic0, the guest agent's routes.

import { BrokerError } from "#core/errors.ts";
import {
  type Prefix,
  containsPrefix,
  formatPrefix,
  overlaps,
  parsePrefix,
  prefixSize,
} from "#core/prefix.ts";
import type { CloudPlan, CloudStep, Goal } from "#provision/cloud.ts";
import { type Provisioning, entryOf } from "#provision/journal.ts";
import { keepStep } from "#provision/steps.ts";
import { changingScopes } from "./credentials.ts";
import { AGENT_CONFIG } from "./guest-agent.ts";
import { type GkeSeen, RANGE_REMEDY, placeOf } from "./seen.ts";
import { CHECK_ALIAS, CHECK_RANGE, GUEST_AGENT, rangeStepId } from "./steps.ts";

/** Per NIC, by the VPC quota page. */
const MAX_ALIASES = 150;
/** Per subnetwork. */
const MAX_SECONDARY_RANGES = 170;
/** Network, broadcast and gateway. */
const NEVER_POOLED = 3n;
/** RFC 1035 label, as the cloud wants names of ranges. */
const rangeNameForm = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

export function planInit(
  goal: Goal,
  seen: GkeSeen,
  provisioning: Provisioning | undefined,
): CloudPlan {
  checkMachine(seen);
  const alias = aliasStep(goal, seen);
  const range = rangeStep(goal, seen, alias.action === "keep");
  const changes = [range, alias].filter(({ action }) => action !== "keep");
  if (changes.length > 0) checkScopes(seen);
  const check = changes.length === 0 ? [] : [checkStep(range.action !== "keep")];
  return {
    steps: [...check, range, alias, agentStep(seen, provisioning)],
    warnings: warningsOf(goal, seen, range.action !== "keep"),
  };
}

/** The instance is the one that the metadata server speaks of, and its interface is this machine's. */
function checkMachine({ identity, instance, mac, link, rangeName }: GkeSeen): void {
  checkInstance(identity, instance);
  if (!rangeNameForm.test(rangeName))
    throw new BrokerError(
      "invalid-config",
      `pool.json: aliasRangeName ${JSON.stringify(rangeName)} is not the name of a range`,
      {
        hint: "correct it to the name of the secondary range, cocoon-pods by default",
      },
    );
  if (link !== undefined) return;
  throw new BrokerError("system-failure", `no link of this machine has the MAC ${mac} of nic0`, {
    hint: "run this in the host's network namespace; ip link shows the links and their MACs",
  });
}

/** Throws `cloud-conflict` when the instance of that name is another one than this machine. */
export function checkInstance(
  identity: GkeSeen["identity"],
  instance: { readonly id: string; readonly name: string },
): void {
  if (instance.id === identity.instance) return;
  throw new BrokerError(
    "cloud-conflict",
    `instance ${instance.name} has the ID ${instance.id} in the API, and this machine is ${identity.instance}: the node was made anew under its name`,
    { hint: "run the command on the instance that lives now" },
  );
}

/** The alias that must be there, or has to be added behind the others. Throws `cloud-conflict`, `cloud-limit`. */
function aliasStep({ subnet }: Goal, { nic, instance, rangeName }: GkeSeen): CloudStep {
  const cidr = formatPrefix(subnet);
  const id = rangeStepId({ kind: "add-alias", rangeName, cidr });
  const target = `alias range ${cidr} on ${nic.name} of ${instance.name}`;
  const found = nic.aliasIpRanges.find(({ ipCidrRange }) => overlapsText(ipCidrRange, subnet));
  if (found !== undefined) {
    if (found.ipCidrRange === cidr && found.subnetworkRangeName === rangeName)
      return keepStep(id, target, `is there, from secondary range ${rangeName}`);
    const origin = found.subnetworkRangeName ?? "the primary range";
    throw new BrokerError(
      "cloud-conflict",
      `${cidr} overlaps ${found.ipCidrRange}, which ${nic.name} of ${instance.name} already has from ${origin}`,
      {
        hint: "GKE gives that range to pods, or somebody added it by hand: choose another --subnet; for a hand-made node use cocoon-net adopt",
      },
    );
  }
  const count = nic.aliasIpRanges.length;
  if (count >= MAX_ALIASES)
    throw new BrokerError(
      "cloud-limit",
      `${nic.name} of ${instance.name} has ${count} alias ranges, and no more than ${MAX_ALIASES} are possible`,
      {
        hint: "remove alias ranges that nothing uses, then run the command again",
      },
    );
  return {
    id,
    action: "attach",
    target,
    detail: `from secondary range ${rangeName}, behind the ${count} there ${count === 1 ? "is" : "are"}, which stay as they are`,
    changes: ["instances.updateNetworkInterface"],
    reads: ["instances.get", "zoneOperations.wait"],
  };
}

/** The secondary range that the alias comes from. Throws `cloud-conflict` when the subnet fits in no range of ours. */
function rangeStep({ subnet }: Goal, seen: GkeSeen, aliased: boolean): CloudStep {
  const { subnetwork, subnetworkReference, rangeName } = seen;
  const cidr = formatPrefix(subnet);
  const place = placeOf(subnetworkReference);
  const id = rangeStepId({ kind: "make-range", rangeName, cidr });
  const target = `secondary range ${rangeName} of ${place}`;
  const ranges = subnetwork.secondaryIpRanges;
  const ours = ranges.find((range) => range.rangeName === rangeName);
  if (ours !== undefined) {
    checkCovers(ours.ipCidrRange, subnet, target);
    return keepStep(id, target, `is there with ${ours.ipCidrRange}, which covers ${cidr}`);
  }
  if (aliased) return keepStep(id, target, "is not shown, and its alias is there");
  const taken = [
    { what: "the primary range", cidr: subnetwork.ipCidrRange },
    ...ranges.map((range) => ({
      what: `secondary range ${range.rangeName}`,
      cidr: range.ipCidrRange,
    })),
  ].find((other) => overlapsText(other.cidr, subnet));
  if (taken !== undefined)
    throw new BrokerError(
      "cloud-conflict",
      `${cidr} overlaps ${taken.what} (${taken.cidr}) of ${place}`,
      {
        hint: `choose a --subnet outside it, or make a secondary range ${rangeName} for all nodes first (docs/gke.md)`,
      },
    );
  if (ranges.length >= MAX_SECONDARY_RANGES)
    throw new BrokerError(
      "cloud-limit",
      `${place} has ${ranges.length} secondary ranges, and no more than ${MAX_SECONDARY_RANGES} are possible`,
      {
        hint: "use a subnetwork with room for another one",
      },
    );
  return {
    id,
    action: "make",
    target,
    detail: `${cidr}, for this node alone, beside the ${ranges.length} there are; teardown leaves it`,
    changes: ["subnetworks.patch"],
    reads: ["subnetworks.get", "regionOperations.wait"],
  };
}

/** Throws `cloud-conflict` with the remedies. */
export function checkCovers(range: string, subnet: Prefix, target: string): void {
  const outer = parsePrefix(range);
  if (outer !== undefined && containsPrefix(outer, subnet)) return;
  throw new BrokerError(
    "cloud-conflict",
    `${target} has ${range}, which does not cover ${formatPrefix(subnet)}`,
    { hint: RANGE_REMEDY },
  );
}

function checkStep(range: boolean): CloudStep {
  return {
    id: range ? CHECK_RANGE : CHECK_ALIAS,
    action: "check",
    target: "permissions",
    detail: `whether the service account may change the aliases of the instance${range ? " and the ranges of the subnetwork" : ""}`,
    changes: [],
    reads: ["instances.testIamPermissions", "subnetworks.testIamPermissions"],
  };
}

/** Throws `cloud-denied`: nothing that is going to be changed can be changed with these scopes. */
function checkScopes({ scopes, instance }: GkeSeen): void {
  if (scopes === undefined || scopes.some((scope) => changingScopes.includes(scope))) return;
  throw new BrokerError(
    "cloud-denied",
    `the OAuth scopes of ${instance.name} allow no change: ${scopes.length === 0 ? "it has none" : scopes.join(", ")}`,
    {
      hint: `give it ${changingScopes[1]} (a node pool with --scopes=cloud-platform; docs/gke.md)`,
    },
  );
}

function agentStep({ agent }: GkeSeen, provisioning: Provisioning | undefined): CloudStep {
  const step = keepStep(GUEST_AGENT, AGENT_CONFIG, "");
  if (agent.units.length === 0)
    return {
      ...step,
      detail: "there is no guest agent on this machine, hence no local route of its",
    };
  // The file may have been written and the agent not yet restarted.
  const cutOff = entryOf(provisioning, GUEST_AGENT)?.state === "intended";
  if (agent.routesOff && !cutOff)
    return {
      ...step,
      detail: "[IpForwarding] ip_aliases is false: the agent makes no local route",
    };
  return {
    ...step,
    action: "write",
    detail: `[IpForwarding] ip_aliases = false, the rest as it is; then restart ${agent.units.join(" and ")}, whose local route would swallow the guests' packets`,
  };
}

function warningsOf(goal: Goal, { instance, rangeName }: GkeSeen, made: boolean): string[] {
  const warnings: string[] = [];
  if (!instance.canIpForward)
    warnings.push(
      `${instance.name} has no IP forwarding (canIpForward): addresses of its alias range pass, all others that guests send from are dropped; it can only be set when an instance is made`,
    );
  if (made)
    warnings.push(
      `secondary range ${rangeName} does not exist and is made as large as this node's subnet; for more than one node make it first, large enough for all of them (docs/gke.md)`,
    );
  const usable = prefixSize(goal.subnet) - NEVER_POOLED;
  if (usable < BigInt(goal.poolSize))
    warnings.push(
      `${formatPrefix(goal.subnet)} has ${usable} addresses for guests, fewer than the ${goal.poolSize} wanted`,
    );
  return warnings;
}

function overlapsText(cidr: string, subnet: Prefix): boolean {
  const other = parsePrefix(cidr);
  return other !== undefined && overlaps(other, subnet);
}
