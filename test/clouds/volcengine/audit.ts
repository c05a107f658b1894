// What is different from the beginning: interfaces and subnets that were left, and what of others was touched.

import type { EniView, Region, SecurityGroup, Subnet } from "./region.ts";

/** Everything of a region that may be touched, as it was. */
export interface Snapshot {
  readonly enis: ReadonlyMap<string, EniView>;
  readonly subnets: ReadonlyMap<string, Pick<Subnet, "id" | "cidr" | "name" | "zoneId" | "tags">>;
  readonly groups: ReadonlyMap<string, Pick<SecurityGroup, "permissions" | "tags">>;
}

export interface Audit {
  /** Nothing was left and nothing touched. */
  readonly clean: boolean;
  readonly enisLeft: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: string;
    readonly instance: string;
    readonly subnet: string;
    readonly addresses: number;
  }[];
  readonly subnetsLeft: readonly { readonly id: string; readonly cidr: string }[];
  /** Addresses held by the interfaces that were left, by subnet. */
  readonly addressesInUse: Readonly<Record<string, number>>;
  /** Interfaces and subnets that were there in the beginning and are gone. */
  readonly lost: readonly string[];
  /** Things that were there in the beginning and are different: `id: field before → after`. */
  readonly changed: readonly string[];
}

export const snapshot = (region: Region): Snapshot => ({
  enis: new Map([...region.enis].map(([id, { view }]) => [id, structuredClone(view)])),
  subnets: new Map(
    [...region.subnets].map(([key, { id, cidr, name, zoneId, tags }]) => [
      key,
      structuredClone({ id, cidr, name, zoneId, tags }),
    ]),
  ),
  groups: new Map(
    [...region.securityGroups].map(([id, { permissions, tags }]) => [
      id,
      structuredClone({ permissions, tags }),
    ]),
  ),
});

/** What is being deleted counts as gone: the cloud finishes that by itself. */
export function audit(regions: Iterable<Region>, before: ReadonlyMap<string, Snapshot>): Audit {
  const left = {
    enis: [] as Audit["enisLeft"][number][],
    subnets: [] as Audit["subnetsLeft"][number][],
  };
  const lost: string[] = [];
  const changed: string[] = [];
  for (const region of regions) {
    const old = before.get(region.id);
    const enis = [...region.enis.values()].map(({ view }) => view);
    const kept = enis.filter(({ status }) => status !== "Deleting");
    for (const view of kept) {
      const was = old?.enis.get(view.id);
      if (was !== undefined) changed.push(...differences(view.id, was, view));
      else
        left.enis.push({
          id: view.id,
          name: view.name,
          status: view.status,
          instance: view.instanceId,
          subnet: view.subnetId,
          addresses: 1 + view.secondaryIps.length,
        });
    }
    const subnets = [...region.subnets.values()].filter(({ next }) => next?.status !== "gone");
    for (const { id, cidr, name, zoneId, tags } of subnets) {
      const was = old?.subnets.get(id);
      if (was === undefined) left.subnets.push({ id, cidr });
      else changed.push(...differences(id, was, { id, cidr, name, zoneId, tags }));
    }
    for (const [id, { permissions, tags }] of region.securityGroups) {
      const was = old?.groups.get(id);
      if (was !== undefined) changed.push(...differences(id, was, { permissions, tags }));
    }
    const there = new Set([...kept, ...subnets].map(({ id }) => id));
    for (const id of [...(old?.enis.keys() ?? []), ...(old?.subnets.keys() ?? [])])
      if (!there.has(id)) lost.push(id);
  }
  const addressesInUse: Record<string, number> = {};
  for (const { subnet, addresses } of left.enis)
    addressesInUse[subnet] = (addressesInUse[subnet] ?? 0) + addresses;
  const clean = [left.enis, left.subnets, lost, changed].every(({ length }) => length === 0);
  return { clean, enisLeft: left.enis, subnetsLeft: left.subnets, addressesInUse, lost, changed };
}

function differences(id: string, was: object, is: object): readonly string[] {
  const now = new Map<string, unknown>(Object.entries(is));
  return Object.entries(was).flatMap(([field, value]) => {
    const [before, after] = [JSON.stringify(value), JSON.stringify(now.get(field))];
    return before === after || field === "updatedAt"
      ? []
      : [`${id}: ${field} ${before} → ${after}`];
  });
}
