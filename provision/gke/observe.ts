// Reads everything that plans depend on; waits first for what an interrupted run may still have under way.

import { BrokerError } from "#core/errors.ts";
import type { Scope } from "#provision/cloud.ts";
import { type JournalEntry, type Provisioning, entryOf } from "#provision/journal.ts";
import type { Timing } from "#provision/retry.ts";
import type { ComputeApi, OperationScope } from "./api.ts";
import type { Credentials } from "./credentials.ts";
import type { GuestAgent } from "./guest-agent.ts";
import { linkOf } from "./link.ts";
import type { Metadata } from "./metadata.ts";
import { settle } from "./operation.ts";
import {
  type Instance,
  type NetworkInterface,
  type Subnetwork,
  type SubnetworkReference,
  subnetworkReference,
} from "./resources.ts";
import { type GkeSeen, instanceReference } from "./seen.ts";
import { type RangeStep, isOfThisInstance, parseRangeStep, rangeStepId } from "./steps.ts";

/** The range that all nodes of a cluster share. */
const DEFAULT_RANGE_NAME = "cocoon-pods";

export interface Observer {
  readonly api: ComputeApi;
  readonly metadata: Metadata;
  readonly agent: GuestAgent;
  readonly timing: Timing;
  readonly root: string;
  credentials(signal: AbortSignal): Promise<Credentials>;
}

interface CloudSide {
  readonly instance: Instance;
  readonly nic: NetworkInterface;
  readonly subnetwork: Subnetwork;
  readonly subnetworkReference: SubnetworkReference;
}

export async function observe(
  observer: Observer,
  scope: Scope,
  signal: AbortSignal,
): Promise<GkeSeen> {
  const { metadata, root, agent } = observer;
  const { kind } = await observer.credentials(signal);
  const [first, mac, scopes] = await Promise.all([
    readCloud(observer, scope, signal),
    metadata.mac(signal),
    kind === "metadata" ? metadata.scopes(signal) : undefined,
  ]);
  const settled = await settleAll(observer, scope, first, signal);
  const side = settled ? await readCloud(observer, scope, signal) : first;
  const recorded = scope.pool?.aliasRangeName ?? "";
  return {
    ...side,
    identity: scope.identity,
    scopes,
    mac,
    link: await linkOf(mac, root),
    agent: await agent.observe(),
    rangeName: recorded === "" ? DEFAULT_RANGE_NAME : recorded,
  };
}

async function readCloud(
  { api }: Observer,
  { identity }: Scope,
  signal: AbortSignal,
): Promise<CloudSide> {
  const instance = await api.instance(instanceReference(identity), signal);
  const nic = nic0(instance);
  const reference = subnetworkReference(nic.subnetwork);
  if (reference === undefined)
    throw new BrokerError("cloud-conflict", `nic0 of ${instance.name} is in no subnetwork`, {
      hint: "alias ranges need a VPC network with subnetworks, not a legacy network",
    });
  const subnetwork = await api.subnetwork(reference, signal);
  return { instance, nic, subnetwork, subnetworkReference: reference };
}

/** The first interface; the metadata server's interface 0. */
export function nic0(instance: Instance): NetworkInterface {
  const [first] = instance.networkInterfaces;
  if (first === undefined)
    throw new BrokerError("cloud-conflict", `instance ${instance.name} has no network interface`);
  return first;
}

/** Whether anything had to be waited for, so that what was read before may be out of date. */
async function settleAll(
  { api, timing }: Observer,
  { provisioning, identity }: Scope,
  side: CloudSide,
  signal: AbortSignal,
): Promise<boolean> {
  if (!isOfThisInstance(provisioning, identity)) return false;
  let settled = false;
  for (const entry of provisioning?.entries ?? []) {
    const step = parseRangeStep(entry.step);
    if (step === undefined || !isOpen(entry, step, side)) continue;
    if (isUndone(provisioning, step)) continue;
    const scope = scopeOf(step, side.subnetworkReference, identity);
    const operation = entry.notes["operation"];
    await settle(
      { api, timing, signal, scope },
      {
        operation: typeof operation === "string" && operation !== "" ? operation : undefined,
        requestId: entry.token,
      },
    );
    settled = true;
  }
  return settled;
}

/** A request may have been sent (its fingerprint is noted before), and what it asks for is not there. */
function isOpen(
  entry: JournalEntry,
  { kind, rangeName, cidr }: RangeStep,
  side: CloudSide,
): boolean {
  if (entry.state === "done" || entry.notes["fingerprint"] === undefined) return false;
  const aliased = side.nic.aliasIpRanges.some(({ ipCidrRange }) => ipCidrRange === cidr);
  switch (kind) {
    case "add-alias":
      return !aliased;
    case "remove-alias":
      return aliased;
    case "make-range":
      return !side.subnetwork.secondaryIpRanges.some((range) => range.rangeName === rangeName);
    default:
      return kind satisfies never;
  }
}

/** What was added was taken away since: it needs no waiting for, and the cloud may have forgotten it. */
const isUndone = (provisioning: Provisioning | undefined, step: RangeStep): boolean =>
  step.kind === "add-alias" &&
  entryOf(provisioning, rangeStepId({ ...step, kind: "remove-alias" }))?.state === "done";

/** Changes of the subnetwork are operations of its region, in its project. */
export function scopeOf(
  { kind }: Pick<RangeStep, "kind">,
  { project, region }: SubnetworkReference,
  identity: GkeSeen["identity"],
): OperationScope {
  if (kind === "make-range") return { project, region };
  return { project: identity["project"] ?? "", zone: identity["zone"] ?? "" };
}
