// The steps that fill one slot: interface made or re-used, managers kept away, attached, link up.

import type { CloudStep } from "#provision/cloud.ts";
import { keepStep } from "#provision/steps.ts";
import { interfaceName } from "./names.ts";
import { keepAwayFiles } from "./network-managers.ts";
import { type SeenInterface, type VolcengineSeen, tagsFor } from "./seen.ts";
import type { VolcengineStep } from "./work.ts";

export interface SlotGoal {
  readonly slot: number;
  /** Secondary addresses wanted. */
  readonly addresses: number;
  /** `undefined`: to be made. */
  readonly found: SeenInterface | undefined;
  /** `undefined`: made by this plan. */
  readonly subnetID: string | undefined;
}

export const unitOf = (slot: number): string => `eni/${slot}`;

export function planSlot(goal: SlotGoal, seen: VolcengineSeen): readonly CloudStep[] {
  const { slot, found } = goal;
  const name = found?.name ?? interfaceName(seen.nodeName, slot);
  const step = (made: Omit<VolcengineStep, "unit">): VolcengineStep => ({
    ...made,
    unit: unitOf(slot),
  });
  const attached = found?.instance === seen.instance && found.status === "InUse";
  const about = { slot, eniID: found?.id, mac: found?.mac };
  return [
    ...(found === undefined ? [step(creation(goal, seen, name))] : presence(goal, found, seen)),
    ...keepAway(goal, seen, name),
    ...(attached
      ? []
      : [
          step({
            id: `attach-eni/${slot}`,
            action: "attach",
            target: `interface ${name}`,
            detail: `to ${seen.instance}, deleted with it`,
            changes: ["AttachNetworkInterface"],
            reads: ["DescribeNetworkInterfaceAttributes"],
            work: { kind: "attach-eni", ...about, instance: seen.instance },
          }),
        ]),
    ...linkStep(goal, seen, name, attached),
  ];
}

function creation(
  goal: SlotGoal,
  seen: VolcengineSeen,
  name: string,
): Omit<VolcengineStep, "unit"> {
  const groups = seen.groups.map(({ id }) => id);
  return {
    id: `create-eni/${goal.slot}`,
    action: "make",
    target: `interface ${name}`,
    detail: `with ${goal.addresses} secondary addresses, in security group ${groups.join(" ")}`,
    changes: ["CreateNetworkInterface"],
    reads: ["DescribeNetworkInterfaceAttributes"],
    work: {
      kind: "create-eni",
      slot: goal.slot,
      name,
      subnetID: goal.subnetID,
      groups,
      addresses: goal.addresses,
      nodeName: seen.nodeName,
      tags: tagsFor(seen.nodeName, seen.instance),
    },
  };
}

/** An interface that is there: as it is, or with the addresses that it lacks. */
function presence(
  goal: SlotGoal,
  found: SeenInterface,
  seen: VolcengineSeen,
): readonly CloudStep[] {
  const lacking = goal.addresses - found.ips.length;
  const where = found.instance === seen.instance ? "attached" : "detached, used again";
  const words = `${found.id}, ${where}, ${found.ips.length} secondary addresses`;
  const kept: CloudStep = {
    ...keepStep(`keep-eni/${goal.slot}`, `interface ${found.name}`, words),
    unit: unitOf(goal.slot),
  };
  if (lacking <= 0) return [kept];
  const more: VolcengineStep = {
    id: `assign/${goal.slot}`,
    action: "update",
    target: `interface ${found.name}`,
    detail: `${lacking} more secondary addresses on ${found.id}`,
    changes: ["AssignPrivateIpAddresses"],
    reads: ["DescribeNetworkInterfaceAttributes"],
    unit: unitOf(goal.slot),
    work: { kind: "assign", eniID: found.id, addresses: goal.addresses },
  };
  return [kept, more];
}

function keepAway(goal: SlotGoal, seen: VolcengineSeen, name: string): readonly VolcengineStep[] {
  const { managers, files } = seen.host;
  if (managers.length === 0) return [];
  const wanted = keepAwayFiles(managers, goal.slot, goal.found?.mac ?? "");
  const right = wanted.every(({ path, text }) => files.get(path) === text);
  if (goal.found !== undefined && right) return [];
  return [
    {
      id: `keep-away/${goal.slot}`,
      action: "write",
      target: wanted.map(({ path }) => path).join(" "),
      detail: `${managers.join(" and ")} must not run DHCP on ${name}`,
      changes: [],
      reads: [],
      unit: unitOf(goal.slot),
      work: { kind: "keep-away", slot: goal.slot, eniID: goal.found?.id, mac: goal.found?.mac },
    },
  ];
}

function linkStep(
  { slot, found }: SlotGoal,
  seen: VolcengineSeen,
  name: string,
  attached: boolean,
): readonly VolcengineStep[] {
  const link = seen.host.links.find(({ mac }) => mac === found?.mac);
  if (attached && link?.up === true && link.addresses.length === 0) return [];
  return [
    {
      id: `link/${slot}`,
      action: "update",
      target: `link of ${name}`,
      detail: `${link?.name ?? "found by its MAC"}: up, without addresses`,
      changes: [],
      reads: [],
      unit: unitOf(slot),
      work: { kind: "link", slot, eniID: found?.id, mac: found?.mac },
    },
  ];
}
