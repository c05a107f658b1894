// What is there: the instance with its aliases, its subnetwork, and this machine's side of both.

import type { NodeIdentity } from "#provision/journal.ts";
import type { AgentSeen } from "./guest-agent.ts";
import type { InstanceReference } from "./api.ts";
import type { Instance, NetworkInterface, Subnetwork, SubnetworkReference } from "./resources.ts";

export interface GkeSeen {
  readonly identity: NodeIdentity;
  readonly instance: Instance;
  /** nic0. */
  readonly nic: NetworkInterface;
  readonly subnetwork: Subnetwork;
  readonly subnetworkReference: SubnetworkReference;
  /** OAuth scopes that bound the calls; undefined when credentials do not come from the machine. */
  readonly scopes: readonly string[] | undefined;
  /** Name of the link that is nic0 in the cloud, found by its MAC; undefined when no link has it. */
  readonly link: string | undefined;
  readonly mac: string;
  readonly agent: AgentSeen;
  /** Of the secondary range that our alias comes from: as pool.json says, or the name that we give. */
  readonly rangeName: string;
}

export const instanceReference = (identity: NodeIdentity): InstanceReference => ({
  project: identity["project"] ?? "",
  zone: identity["zone"] ?? "",
  name: identity["name"] ?? "",
});

/** For a range that was made too small. */
export const RANGE_REMEDY =
  "a secondary range cannot grow: choose a --subnet inside it, or, when no node uses it any more, delete it and make one that covers all nodes (docs/gke.md)";

/** In words for messages. */
export const placeOf = (reference: SubnetworkReference): string =>
  `subnetwork ${reference.name} (project ${reference.project}, region ${reference.region})`;
