// Makes the steps of a plan: for each kind of step, what is read, what is changed, and what may not be touched.

import { BrokerError } from "#core/errors.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { CloudStep, Run, StepOutcome } from "#provision/cloud.ts";
import { type NodeIdentity, type Provisioning, entryOf } from "#provision/journal.ts";
import type { Timing } from "#provision/retry.ts";
import type { ComputeApi } from "./api.ts";
import { makeChange } from "./change.ts";
import type { GuestAgent } from "./guest-agent.ts";
import { nic0, scopeOf } from "./observe.ts";
import { checkOwner } from "./owner.ts";
import { checkPermissions } from "./permissions.ts";
import { checkCovers, checkInstance } from "./plan.ts";
import type { Alias, SubnetworkReference } from "./resources.ts";
import { instanceReference, placeOf } from "./seen.ts";
import {
  CHECK_ALIAS,
  CHECK_RANGE,
  GUEST_AGENT,
  RESTORE_AGENT,
  type RangeStep,
  parseRangeStep,
} from "./steps.ts";

/** What the last observing found out and every step needs. */
export interface Place {
  readonly identity: NodeIdentity;
  readonly subnetworkReference: SubnetworkReference;
  readonly provisioning: Provisioning | undefined;
}

export interface Performer {
  readonly api: ComputeApi;
  readonly agent: GuestAgent;
  readonly timing: Timing;
  readonly place: Place;
}

export function perform(performer: Performer, step: CloudStep, run: Run): Promise<StepOutcome> {
  const { agent, place } = performer;
  switch (step.id) {
    case CHECK_ALIAS:
    case CHECK_RANGE:
      return checkPermissions(performer, step.id === CHECK_RANGE, run);
    case GUEST_AGENT:
      return agent.turnOff(run);
    case RESTORE_AGENT:
      return agent.turnBack(run, entryOf(place.provisioning, GUEST_AGENT)?.notes ?? {});
    default:
  }
  const range = parseRangeStep(step.id);
  if (range === undefined)
    throw new BrokerError("internal", `there is no way to make the step ${step.id}`);
  return range.kind === "make-range"
    ? makeRange(performer, step, range, run)
    : changeAlias(performer, step, range, run);
}

function makeRange(
  { api, timing, place }: Performer,
  step: CloudStep,
  { kind, rangeName, cidr }: RangeStep,
  run: Run,
): Promise<StepOutcome> {
  const reference = place.subnetworkReference;
  return makeChange({
    api,
    timing,
    run,
    target: step.target,
    scope: scopeOf({ kind }, reference, place.identity),
    async read() {
      const { secondaryIpRanges, fingerprint } = await api.subnetwork(reference, run.signal);
      const found = secondaryIpRanges.find((range) => range.rangeName === rangeName);
      const subnet = parsePrefix(cidr);
      // Another node may have been quicker, with a range of its own size.
      if (found !== undefined && subnet !== undefined)
        checkCovers(
          found.ipCidrRange,
          subnet,
          `secondary range ${rangeName} of ${placeOf(reference)}`,
        );
      if (found !== undefined) return { fingerprint, send: undefined };
      const wanted = [...secondaryIpRanges, { rangeName, ipCidrRange: cidr }];
      return {
        fingerprint,
        send: (change) => api.updateRanges(reference, wanted, change, run.signal),
      };
    },
    checkOwner: () => Promise.resolve(),
  });
}

/** Every other entry is sent back as it was read, in its order: GKE takes the node's pod range from the first one. */
function changeAlias(
  { api, timing, place }: Performer,
  step: CloudStep,
  { kind, rangeName, cidr }: RangeStep,
  run: Run,
): Promise<StepOutcome> {
  const reference = instanceReference(place.identity);
  const isOurs = (alias: Alias) =>
    alias.ipCidrRange === cidr && (alias.subnetworkRangeName ?? "") === rangeName;
  return makeChange({
    api,
    timing,
    run,
    target: step.target,
    scope: scopeOf({ kind }, place.subnetworkReference, place.identity),
    async read() {
      const instance = await api.instance(reference, run.signal);
      checkInstance(place.identity, instance);
      const { name, fingerprint, aliasIpRanges } = nic0(instance);
      const adding = kind === "add-alias";
      if (aliasIpRanges.some(isOurs) === adding) return { fingerprint, send: undefined };
      const wanted = adding
        ? [...aliasIpRanges, { ipCidrRange: cidr, subnetworkRangeName: rangeName }]
        : aliasIpRanges.filter((alias) => !isOurs(alias));
      return {
        fingerprint,
        send: (change) => api.updateAliases(reference, name, wanted, change, run.signal),
      };
    },
    checkOwner: () => checkOwner(api, place.identity, cidr, run.signal),
  });
}
