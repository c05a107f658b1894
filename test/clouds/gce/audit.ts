// What a fake project looks like now against what it looked like at first: whether anything leaked or was lost.

import { aliasKey } from "./alias-change.ts";
import { parseCidr, overlaps } from "./cidr.ts";
import type { SecondaryIpRange } from "./scenario.ts";
import type { GceState } from "./state.ts";

export interface GceAudit {
  /** `instance/nic range` of aliases that the callers made and that are still there. */
  readonly ours: readonly string[];
  /** `instance/nic range` of aliases that others made and that are gone. */
  readonly foreignLost: readonly string[];
  /** `instance/nic` where entries changed places, or ours came before theirs. */
  readonly reordered: readonly string[];
  /** `subnetwork range` of secondary ranges that are gone, or have other addresses. */
  readonly rangesLost: readonly string[];
  /** `subnetwork range` of secondary ranges that the callers made. */
  readonly rangesAdded: readonly string[];
  /** `one other` of aliases that overlap: the fake itself would be wrong. */
  readonly overlapping: readonly string[];
}

const rangeKey = ({ rangeName, ipCidrRange }: SecondaryIpRange) => `${rangeName} ${ipCidrRange}`;

/** Ends the operations under way first: the cloud ends them whether anybody asks or not. */
export function auditOf(state: GceState): GceAudit {
  state.operations.settle();
  const audit = {
    ours: [] as string[],
    foreignLost: [] as string[],
    reordered: new Set(state.reordered),
    rangesLost: [] as string[],
    rangesAdded: [] as string[],
    overlapping: [] as string[],
  };
  const seen: { readonly place: string; readonly range: string }[] = [];
  for (const { instance, nic } of state.resources.interfaces()) {
    const place = `${instance.name}/${nic.name}`;
    const now = nic.aliases.map(aliasKey);
    const foreign = nic.foreign.map(aliasKey);
    const missing = foreign.filter((key) => !now.includes(key));
    const kept = now.filter((key) => foreign.includes(key));
    audit.foreignLost.push(...missing.map((key) => `${place} ${key.trim()}`));
    audit.ours.push(
      ...now.filter((key) => !foreign.includes(key)).map((key) => `${place} ${key.trim()}`),
    );
    if (kept.join() !== foreign.filter((key) => now.includes(key)).join())
      audit.reordered.add(place);
    seen.push(...nic.aliases.map(({ ipCidrRange }) => ({ place, range: ipCidrRange })));
  }
  audit.overlapping.push(...overlappingPairs(seen));
  for (const { name, region, secondaryIpRanges: before = [] } of state.initial.subnetworks) {
    const found = state.resources.subnetworks.find(
      (each) => each.name === name && each.region === region,
    );
    const now = (found?.secondaryIpRanges ?? []).map(rangeKey);
    const then = before.map(rangeKey);
    audit.rangesLost.push(
      ...then.filter((key) => !now.includes(key)).map((key) => `${name} ${key}`),
    );
    audit.rangesAdded.push(
      ...now.filter((key) => !then.includes(key)).map((key) => `${name} ${key}`),
    );
  }
  return { ...audit, reordered: [...audit.reordered].toSorted() };
}

function overlappingPairs(
  seen: readonly { readonly place: string; readonly range: string }[],
): string[] {
  return seen.flatMap((one, index) =>
    seen.slice(index + 1).flatMap((other) => {
      const [first, second] = [parseCidr(one.range), parseCidr(other.range)];
      return first !== undefined && second !== undefined && overlaps(first, second)
        ? [`${one.place} ${one.range}, ${other.place} ${other.range}`]
        : [];
    }),
  );
}
