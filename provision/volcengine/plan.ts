// From what is there to what is wanted: subnet, security group, leftovers, then slot by slot.

import { BrokerError } from "#core/errors.ts";
import { formatPrefix } from "#core/prefix.ts";
import type { CloudPlan, CloudStep, Goal } from "#provision/cloud.ts";
import type { Provisioning } from "#provision/journal.ts";
import { keepStep } from "#provision/steps.ts";
import { mixtureWarning, refuseOtherGroups } from "./groups.ts";
import { authorizeCommand, ingressOf } from "./ingress.ts";
import { layoutOf } from "./layout.ts";
import { isOurs, mayTake, placementOf } from "./ownership.ts";
import { planSlot } from "./plan-slot.ts";
import { checkOfSubnet, planSubnet, subnetNamed } from "./plan-subnet.ts";
import type { SeenInterface, VolcengineSeen } from "./seen.ts";
import type { Layout } from "./layout.ts";
import type { VolcengineStep } from "./work.ts";

/** States of an instance to which interfaces can be attached. */
const attachable = new Set(["RUNNING", "STOPPED"]);

export function planProvisioning(
  goal: Goal,
  seen: VolcengineSeen,
  provisioning: Provisioning | undefined,
): CloudPlan {
  if (!attachable.has(seen.instanceStatus))
    throw new BrokerError(
      "cloud-conflict",
      `instance ${seen.instance} is ${seen.instanceStatus}; interfaces can be attached while it is RUNNING`,
      { hint: "wait until it runs, then run the command again" },
    );
  if (seen.groups.length === 0)
    throw new BrokerError(
      "cloud-conflict",
      `the primary interface of ${seen.instance} is in no security group`,
      {
        hint: "name one with --security-group",
      },
    );
  const ours = interfacesOfNode(seen, provisioning);
  const subnet = planSubnet(goal, seen, (one) => ours.includes(one));
  const subnetID = subnetNamed(seen, goal.subnet)?.id;
  const inSubnet = ours.filter((one) => one.subnetID === subnetID);
  const layout = nodeLayout(goal, seen, inSubnet);
  const usable = inSubnet.filter((one) => one.instance !== "" || mayTake(one, seen, provisioning));
  const placed = placementOf(usable, seen.nodeName, seen.instance, layout.counts.length);
  const staying = [...placed.slots.values(), ...placed.extra];
  refuseOtherGroups(goal, staying);
  const elsewhere = ours.filter(
    (one) => one.subnetID !== subnetID && one.instance === "" && mayTake(one, seen, provisioning),
  );
  const ingress = planIngress(goal, seen);
  const slots = layout.counts.flatMap((addresses, index) => {
    const slot = index + 1;
    return planSlot({ slot, addresses, found: placed.slots.get(slot), subnetID }, seen);
  });
  const attaching = slots.findIndex(({ id }) => id.startsWith("attach-eni/"));
  const check = attaching < 0 ? [] : checkOfSubnet(subnetNamed(seen, goal.subnet), seen);
  return {
    steps: [
      subnet,
      ...ingress.steps,
      ...[...placed.surplus, ...elsewhere].map(removalOfLeftover),
      ...slots.toSpliced(Math.max(0, attaching), 0, ...check),
      ...placed.extra.map(keptExtra),
    ],
    warnings: [
      ...seen.warnings,
      ...(layout.less === undefined ? [] : [layout.less]),
      ...ingress.warnings,
      ...mixtureWarning(staying),
      ...ours.flatMap((one) => strayWarning(one, seen)),
    ],
  };
}

/** What our tags, the journal or pool.json name; of pool.json only what is on this instance. */
export const interfacesOfNode = (
  seen: VolcengineSeen,
  provisioning: Provisioning | undefined,
): readonly SeenInterface[] =>
  seen.interfaces.filter(
    (one) =>
      one.status !== "Deleting" &&
      (isOurs(one, seen.nodeName, provisioning) ||
        (seen.recorded.includes(one.id) &&
          one.type === "secondary" &&
          !one.serviceManaged &&
          one.instance === seen.instance)),
  );

/** Slots and addresses that this node can have. */
export function nodeLayout(
  goal: Goal,
  seen: VolcengineSeen,
  inSubnet: readonly SeenInterface[],
): Layout {
  const mine = new Set(inSubnet.map(({ id }) => id));
  return layoutOf({
    poolSize: goal.poolSize,
    subnet: goal.subnet,
    instanceType: seen.instanceType,
    limits: seen.limits,
    others: seen.attached.filter((id) => !mine.has(id)).length,
  });
}

interface IngressPlan {
  readonly steps: readonly CloudStep[];
  readonly warnings: readonly string[];
}

/** Each group must let each block of the VPC in; a group is widened only when that was asked for. */
function planIngress(goal: Goal, seen: VolcengineSeen): IngressPlan {
  const steps: CloudStep[] = [];
  const warnings: string[] = [];
  for (const group of seen.groups)
    for (const block of seen.vpc.blocks) {
      const cidr = formatPrefix(block);
      const ingress = ingressOf(group, block);
      const target = `security group ${group.id}`;
      const id = `authorize-ingress/${group.id}/${cidr.replace("/", "-")}`;
      if (ingress.kind === "open") steps.push(keepStep(id, target, `lets ${cidr} in`));
      else if (ingress.kind === "dropped")
        warnings.push(
          `${target} drops traffic inside the VPC (${ingress.rule}): guests cannot be reached from other hosts; remove that rule or give it a higher number`,
        );
      else if (goal.authorizeVpcIngress) steps.push(authorization(id, group.id, cidr, target));
      else
        warnings.push(
          `${target} does not let ${cidr} in: guests cannot be reached from other hosts; run init with --authorize-vpc-ingress, or: ${authorizeCommand(group.id, block)}`,
        );
    }
  return { steps, warnings };
}

const authorization = (
  id: string,
  group: string,
  cidr: string,
  target: string,
): VolcengineStep => ({
  id,
  action: "update",
  target,
  detail: `let ${cidr} in, all protocols (this widens the group for everything in it)`,
  changes: ["AuthorizeSecurityGroupIngress"],
  reads: ["DescribeSecurityGroupAttributes"],
  work: { kind: "authorize-ingress", group, cidr },
});

const removalOfLeftover = (one: SeenInterface): VolcengineStep => ({
  id: `delete-eni/${one.id}`,
  action: "remove",
  target: `interface ${one.name}`,
  detail: `${one.id} was left detached and fills no slot`,
  changes: ["DeleteNetworkInterface"],
  reads: ["DescribeNetworkInterfaceAttributes"],
  work: { kind: "delete-eni", eniID: one.id },
});

const keptExtra = ({ id, name }: SeenInterface): CloudStep =>
  keepStep(
    `keep-eni/${id}`,
    `interface ${name}`,
    `${id} is more than --pool-size needs; it stays until teardown`,
  );

function strayWarning(one: SeenInterface, seen: VolcengineSeen): readonly string[] {
  if (one.instance === "" || one.instance === seen.instance) return [];
  return [
    `interface ${one.id} ${one.name} carries this node's tags and is attached to ${one.instance}: it is left alone; is the node name used twice?`,
  ];
}
