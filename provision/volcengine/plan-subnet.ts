// The node's subnet: found, waited for, or made; or the reason why it cannot be the one that was named.

import { BrokerError } from "#core/errors.ts";
import { type Prefix, containsPrefix, formatPrefix, overlaps } from "#core/prefix.ts";
import type { Goal } from "#provision/cloud.ts";
import { keepStep } from "#provision/steps.ts";
import { subnetName } from "./names.ts";
import {
  MANAGED_BY,
  NODE_TAG,
  type SeenInterface,
  type SeenSubnet,
  type VolcengineSeen,
  isTagged,
  sameBlock,
  tagsFor,
} from "./seen.ts";
import { refuseShared } from "./shared-subnet.ts";
import type { VolcengineStep } from "./work.ts";
import type { CloudStep } from "#provision/cloud.ts";

/** Of this cloud's subnets. */
const LONGEST_PREFIX = 29;

export const subnetNamed = (seen: VolcengineSeen, block: Prefix): SeenSubnet | undefined =>
  seen.subnets.find((subnet) => sameBlock(subnet.block, block));

/** `isOurs` tells the node's own interfaces. Throws `cloud-conflict` when the subnet cannot be used. */
export function planSubnet(
  goal: Goal,
  seen: VolcengineSeen,
  isOurs: (one: SeenInterface) => boolean,
): CloudStep | VolcengineStep {
  const cidr = formatPrefix(goal.subnet);
  const found = subnetNamed(seen, goal.subnet);
  if (found === undefined) return planCreation(goal, seen, cidr);
  if (found.zone !== seen.zone)
    throw conflict(
      `subnet ${found.id} ${cidr} is in zone ${found.zone}, and this instance is in ${seen.zone}`,
      "interfaces cannot be attached across zones: give another --subnet, or use an instance in that zone",
    );
  refuseTaken(found, cidr, seen, isOurs);
  const target = `subnet ${cidr}`;
  if (found.status === "Available") return keepStep("wait-subnet", target, `${found.id} is there`);
  return {
    id: "wait-subnet",
    action: "wait",
    target,
    detail: `${found.id} is ${found.status}`,
    changes: [],
    reads: ["DescribeSubnetAttributes"],
    work: { kind: "wait-subnet", subnetID: found.id },
  };
}

function planCreation(goal: Goal, seen: VolcengineSeen, cidr: string): VolcengineStep {
  const { vpc, subnets, zone } = seen;
  if (goal.subnet.length > LONGEST_PREFIX)
    throw conflict(
      `${cidr} is too small for a subnet of this cloud`,
      "give a block of at least /29",
    );
  if (!vpc.blocks.some((block) => containsPrefix(block, goal.subnet)))
    throw conflict(
      `${cidr} does not lie in ${vpc.id}, which has ${vpc.blocks.map(formatPrefix).join(" ")}`,
      "give a --subnet inside the VPC, or add a secondary block to the VPC",
    );
  const other = subnets.find(({ block }) => overlaps(block, goal.subnet));
  if (other !== undefined)
    throw conflict(
      `${cidr} overlaps with subnet ${other.id} ${formatPrefix(other.block)}${ownerOf(other)}`,
      "give a --subnet that no other subnet of the VPC touches",
    );
  return {
    id: "create-subnet",
    action: "make",
    target: `subnet ${cidr}`,
    detail: `in ${vpc.id}, zone ${zone}, named ${subnetName(seen.nodeName)}`,
    changes: ["CreateSubnet"],
    reads: ["DescribeSubnetAttributes"],
    work: {
      kind: "create-subnet",
      vpc: vpc.id,
      zone,
      cidr,
      name: subnetName(seen.nodeName),
      tags: tagsFor(seen.nodeName, seen.instance),
    },
  };
}

/** The hosts' own, and any other node's. */
function refuseTaken(
  subnet: SeenSubnet,
  cidr: string,
  seen: VolcengineSeen,
  isOurs: (one: SeenInterface) => boolean,
): void {
  const hint = "give this node a --subnet of its own";
  const owner = subnet.tags.get(NODE_TAG);
  if (subnet.tags.get(MANAGED_BY.key) === MANAGED_BY.value && owner !== seen.nodeName)
    throw conflict(`subnet ${subnet.id} ${cidr} was made for node ${owner ?? "?"}`, hint);
  const inside = seen.interfaces.filter(({ subnetID }) => subnetID === subnet.id);
  const primary = inside.find(({ type }) => type === "primary");
  if (primary !== undefined)
    throw conflict(
      `subnet ${subnet.id} ${cidr} holds the primary interface of ${primary.instance}: it is the hosts' subnet`,
      hint,
    );
  refuseShared({ subnetID: subnet.id, cidr, instance: seen.instance }, inside, isOurs);
}

/**
 * Before the first interface is attached in a subnet whose tags do not name this node: what keeps two nodes apart there
 * is only what each of them sees of the other.
 */
export function checkOfSubnet(
  subnet: SeenSubnet | undefined,
  seen: VolcengineSeen,
): readonly VolcengineStep[] {
  if (subnet === undefined || isTagged(subnet.tags, seen.nodeName)) return [];
  const { nodeName, instance } = seen;
  const cidr = formatPrefix(subnet.block);
  return [
    {
      id: `check-subnet/${subnet.id}`,
      action: "check",
      target: `subnet ${cidr}`,
      detail: "whether another node has begun to use it meanwhile",
      changes: [],
      reads: ["DescribeNetworkInterfaces"],
      work: { kind: "check-subnet", subnetID: subnet.id, cidr, instance, nodeName },
    },
  ];
}

function ownerOf({ tags }: SeenSubnet): string {
  const owner = tags.get(MANAGED_BY.key) === MANAGED_BY.value ? tags.get(NODE_TAG) : undefined;
  return owner === undefined ? "" : `, made for node ${owner}`;
}

const conflict = (message: string, hint: string): BrokerError =>
  new BrokerError("cloud-conflict", message, { hint });
