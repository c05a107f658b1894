// The security groups that a node's interfaces are in, and those that were asked for.

import { BrokerError } from "#core/errors.ts";
import type { Goal } from "#provision/cloud.ts";
import { describeSecurityGroup } from "./actions.ts";
import type { Api } from "./api.ts";
import type { SeenGroup, SeenInterface } from "./seen.ts";

export async function readGroup(api: Api, id: string, signal: AbortSignal): Promise<SeenGroup> {
  const { Permissions } = await api.call(
    describeSecurityGroup,
    { SecurityGroupId: id, Direction: "ingress" },
    signal,
  );
  return { id, rules: Permissions.filter(({ Direction }) => Direction === "ingress") };
}

/**
 * Groups of the interfaces that are to be made: those that were named; else those of the node's own, so that a run that
 * goes on from another one makes no mixture; else the primary interface's.
 */
export function groupsForNew(
  named: readonly string[],
  ours: readonly SeenInterface[],
  primary: SeenInterface | undefined,
): readonly string[] {
  if (named.length > 0) return named;
  const first = ours
    .filter(({ groups }) => groups.length > 0)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))[0];
  return first?.groups ?? primary?.groups ?? [];
}

/** An interface's groups are chosen when it is made: throws `cloud-conflict` when others are named for one that stays. */
export function refuseOtherGroups(
  { securityGroups: named }: Goal,
  staying: readonly SeenInterface[],
): void {
  if (named.length === 0) return;
  const other = staying.find(({ groups }) => groups.length > 0 && !sameGroups(groups, named));
  if (other === undefined) return;
  throw new BrokerError(
    "cloud-conflict",
    `interface ${other.id} ${other.name} is in security group ${other.groups.join(" ")}, not in ${named.join(" ")} as --security-group says`,
    {
      hint: `keep ${other.groups.map((id) => `--security-group ${id}`).join(" ")}, or leave the flag out; to change them, use the cloud's console, or cocoon-net teardown and init again`,
    },
  );
}

/** Interfaces of one node in different groups: some of its guests are reached by others than the rest. */
export function mixtureWarning(staying: readonly SeenInterface[]): readonly string[] {
  const [first, ...others] = staying.filter(({ groups }) => groups.length > 0);
  const other = others.find(
    ({ groups }) => first !== undefined && !sameGroups(groups, first.groups),
  );
  if (first === undefined || other === undefined) return [];
  return [
    `interface ${first.id} is in security group ${first.groups.join(" ")}, and ${other.id} in ${other.groups.join(" ")}: not all guests of this node can be reached alike`,
  ];
}

const sameGroups = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((id) => others.includes(id));
