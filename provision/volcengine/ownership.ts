// Which interfaces are ours, by journal, tags and pool.json, and which slot each fills.

import type { Provisioning } from "#provision/journal.ts";
import { slotOf } from "./names.ts";
import { INSTANCE_TAG, type SeenInterface, type VolcengineSeen, isTagged } from "./seen.ts";

/** A detached interface that was made for another instance may be in another run's hands for so long. */
export const ORPHAN_AGE_MS = 5 * 60_000;

/** Whether journal or tags name it as ours; never what the cloud's services manage. */
export function isOurs(
  one: SeenInterface,
  nodeName: string,
  provisioning: Provisioning | undefined,
): boolean {
  if (one.serviceManaged || one.type === "primary" || one.type === "trunk") return false;
  return isTagged(one.tags, nodeName) || journaledInterfaces(provisioning).has(one.id);
}

/** Interfaces that the journal says were made. */
export function journaledInterfaces(provisioning: Provisioning | undefined): ReadonlySet<string> {
  const made = (provisioning?.entries ?? []).filter(({ step }) => step.startsWith("create-eni/"));
  return new Set(
    made.flatMap(({ notes }) => (typeof notes["eniID"] === "string" ? [notes["eniID"]] : [])),
  );
}

/** What an adopted node has: secondary interfaces that are attached here, whoever made them. */
export const guestInterfaces = ({
  interfaces,
  instance,
}: Pick<VolcengineSeen, "interfaces" | "instance">): readonly SeenInterface[] =>
  interfaces.filter(
    (one) =>
      one.instance === instance &&
      one.type === "secondary" &&
      one.status !== "Deleting" &&
      !one.serviceManaged,
  );

/** Whether it is still on its way, or a leftover: an earlier instance's may still be in another run's hands. */
export function mayTake(
  one: SeenInterface,
  seen: VolcengineSeen,
  provisioning: Provisioning | undefined,
): boolean {
  return (
    one.tags.get(INSTANCE_TAG) === seen.instance ||
    journaledInterfaces(provisioning).has(one.id) ||
    seen.now - one.created >= ORPHAN_AGE_MS
  );
}

export interface Placement {
  /** By slot. */
  readonly slots: ReadonlyMap<number, SeenInterface>;
  /** Detached ones of ours that no slot needs. */
  readonly surplus: readonly SeenInterface[];
  /** Attached ones of ours beyond the wanted slots; they stay and serve. */
  readonly extra: readonly SeenInterface[];
}

/** Attached ones first, each in the slot of its name where that is free; then detached ones for the slots that are left. */
export function placementOf(
  ours: readonly SeenInterface[],
  nodeName: string,
  instance: string,
  count: number,
): Placement {
  const slots = new Map<number, SeenInterface>();
  const byName = ours.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const attached = byName.filter((one) => one.instance === instance);
  const free = byName.filter((one) => one.instance === "");
  const homeless = [...attached, ...free].filter((one) => {
    const slot = slotOf(one.name, nodeName);
    if (slot === undefined || slot > count || slots.has(slot)) return true;
    slots.set(slot, one);
    return false;
  });
  const left: SeenInterface[] = [];
  for (const one of homeless) {
    const slot = one.instance === "" ? undefined : firstFree(slots, count);
    if (slot === undefined) left.push(one);
    else slots.set(slot, one);
  }
  return {
    slots,
    surplus: left.filter((one) => one.instance === ""),
    extra: left.filter((one) => one.instance !== ""),
  };
}

function firstFree(slots: ReadonlyMap<number, SeenInterface>, count: number): number | undefined {
  for (let slot = 1; slot <= count; slot++) if (!slots.has(slot)) return slot;
  return undefined;
}
