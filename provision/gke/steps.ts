// The steps of this cloud by their IDs: what the journal knows them by.

import type { NodeIdentity, Provisioning } from "#provision/journal.ts";

/** What is checked depends on what is going to be changed. */
export const CHECK_ALIAS = "check-permissions/alias";
export const CHECK_RANGE = "check-permissions/range";
export const GUEST_AGENT = "guest-agent";
export const RESTORE_AGENT = "restore-guest-agent";

/** Kinds of steps that are about a range, as `kind/range name/CIDR`. */
export type RangeStepKind = "make-range" | "add-alias" | "remove-alias";

export interface RangeStep {
  readonly kind: RangeStepKind;
  readonly rangeName: string;
  readonly cidr: string;
}

export const rangeStepId = ({ kind, rangeName, cidr }: RangeStep): string =>
  `${kind}/${rangeName}/${cidr}`;

export function parseRangeStep(id: string): RangeStep | undefined {
  const match = /^(make-range|add-alias|remove-alias)\/([^/]+)\/([0-9.]+\/[0-9]+)$/.exec(id);
  const [, kind, rangeName, cidr] = match ?? [];
  if (rangeName === undefined || cidr === undefined) return undefined;
  return { kind: kind as RangeStepKind, rangeName, cidr };
}

/** Whether the journal was written on this very VM: names are used again, IDs are not. */
export const isOfThisInstance = (
  provisioning: Provisioning | undefined,
  identity: NodeIdentity,
): boolean => provisioning?.node["instance"] === identity.instance;

/**
 * Aliases that this node's journal says we add or have added. A step that was only intended may have been made, unless
 * every request for it was refused: an alias that is there all the same is somebody else's.
 */
export function ownAliases(provisioning: Provisioning | undefined): readonly RangeStep[] {
  return (provisioning?.entries ?? []).flatMap(({ step, refused }) => {
    const parsed = refused === true ? undefined : parseRangeStep(step);
    return parsed?.kind === "add-alias" ? [parsed] : [];
  });
}
