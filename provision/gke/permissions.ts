// Asks, before anything is changed, whether it may be: the missing permission is named with the thing that it is missing on.

import { BrokerError } from "#core/errors.ts";
import type { Run, StepOutcome } from "#provision/cloud.ts";
import type { Performer } from "./perform.ts";
import { instanceReference, placeOf } from "./seen.ts";

const ON_INSTANCE = ["compute.instances.get", "compute.instances.updateNetworkInterface"];
const ON_SUBNETWORK = ["compute.subnetworks.get"];
/** To make a secondary range. */
const TO_MAKE_RANGE = "compute.subnetworks.update";
/** Asked for by most changes that use a subnetwork; its lack is told, and left to the cloud to judge. */
const PERHAPS = "compute.subnetworks.use";

export async function checkPermissions(
  { api, place }: Pick<Performer, "api" | "place">,
  range: boolean,
  run: Run,
): Promise<StepOutcome> {
  const { identity, subnetworkReference } = place;
  const onSubnetwork = [...ON_SUBNETWORK, ...(range ? [TO_MAKE_RANGE] : [])];
  const [instance, subnetwork] = await Promise.all([
    api.instancePermissions(instanceReference(identity), ON_INSTANCE, run.signal),
    api.subnetworkPermissions(subnetworkReference, [...onSubnetwork, PERHAPS], run.signal),
  ]);
  const missing = [
    ...lacking(
      ON_INSTANCE,
      instance,
      `instance ${identity["name"]} (project ${identity["project"]})`,
    ),
    ...lacking(onSubnetwork, subnetwork, placeOf(subnetworkReference)),
  ];
  if (missing.length > 0)
    throw new BrokerError("cloud-denied", `permission is missing: ${missing.join("; ")}`, {
      hint: "grant the role of packaging/gke-role.yaml to the node's service account in that project; a grant takes some minutes to arrive",
    });
  for (const told of lacking([PERHAPS], subnetwork, placeOf(subnetworkReference)))
    run.progress(`warning: permission is missing, and the cloud may ask for it: ${told}`);
  return { kind: "done", notes: {} };
}

const lacking = (
  wanted: readonly string[],
  granted: readonly string[],
  where: string,
): readonly string[] =>
  wanted
    .filter((permission) => !granted.includes(permission))
    .map((permission) => `${permission} on ${where}`);
