// A subnet belongs to one node: two nodes in one would swallow each other's packets. Who else is in it, and who was first.

import { BrokerError } from "#core/errors.ts";
import type { Run, StepOutcome } from "#provision/cloud.ts";
import type { Api } from "./api.ts";
import { interfacesBy } from "./network.ts";
import { MANAGED_BY, NODE_TAG, type SeenInterface, isTagged } from "./seen.ts";
import type { WorkOf } from "./work.ts";

/** The subnet as messages name it, and who asks. */
export interface Claim {
  readonly subnetID: string;
  readonly cidr: string;
  readonly instance: string;
}

/** Throws `cloud-conflict` when what is `inside` shows that the subnet is another node's. */
export function refuseShared(
  { subnetID, cidr, instance }: Claim,
  inside: readonly SeenInterface[],
  isOurs: (one: SeenInterface) => boolean,
): void {
  const hint = "give this node a --subnet of its own";
  const elsewhere = inside.find((one) => one.instance !== "" && one.instance !== instance);
  if (elsewhere !== undefined)
    throw conflict(
      `subnet ${subnetID} ${cidr} is used by ${elsewhere.instance} (${elsewhere.id} ${elsewhere.name})`,
      isOurs(elsewhere)
        ? `if the node name is used twice, ${hint} and a name; if this instance takes the place of that one, detach its interfaces there, or wait until it is gone`
        : hint,
    );
  const first = inside.filter(isOurs).toSorted(byAge)[0];
  const rival = inside.find((one) => !isOurs(one) && isMade(one) && !isOlder(first, one));
  if (rival !== undefined)
    throw conflict(
      `subnet ${subnetID} ${cidr} was taken by node ${rival.tags.get(NODE_TAG)} first (${rival.id} ${rival.name})`,
      `${first === undefined ? "" : "run cocoon-net teardown here, and "}${hint}; if that node is gone for good, delete its interfaces`,
    );
}

/** Looks once more when this node's first interface is in it: another node may have begun at the same time. */
export async function checkAlone(
  api: Api,
  work: WorkOf<"check-subnet">,
  run: Run,
): Promise<StepOutcome> {
  const inside = await interfacesBy(api, { SubnetId: work.subnetID }, run.signal);
  refuseShared(work, inside, ({ tags }) => isTagged(tags, work.nodeName));
  return { kind: "done", notes: {} };
}

/** By us, for some node; one that is on its way out takes nothing. */
const isMade = ({ tags, status }: SeenInterface): boolean =>
  status !== "Deleting" && tags.get(MANAGED_BY.key) === MANAGED_BY.value;

const isOlder = (one: SeenInterface | undefined, other: SeenInterface): boolean =>
  one !== undefined && byAge(one, other) < 0;

/** The same order on every node: two that look at each other agree on who was first. */
const byAge = (one: SeenInterface, other: SeenInterface): number =>
  one.created - other.created || (one.id < other.id ? -1 : 1);

const conflict = (message: string, hint: string): BrokerError =>
  new BrokerError("cloud-conflict", message, { hint });
