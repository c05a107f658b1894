// instances.updateNetworkInterface: the alias ranges of one interface, replaced as a whole.

import { type Cidr, cidr, contains, formatCidr, overlaps, parseCidr } from "./cidr.ts";
import { GceError, invalid } from "./errors.ts";
import { type Fields, fieldsOf, text } from "./request.ts";
import type { Instance, Interface } from "./resources.ts";
import type { AliasIpRange, Options } from "./scenario.ts";

const PATH = "resource.aliasIpRanges";
const ALIAS_FIELDS = ["ipCidrRange", "subnetworkRangeName"];

/** Fields of an interface that this method takes; the rest it refuses. */
export const INTERFACE_FIELDS = [
  "kind",
  "name",
  "network",
  "subnetwork",
  "networkIP",
  "fingerprint",
  "stackType",
  "aliasIpRanges",
  "accessConfigs",
  "ipv6AccessConfigs",
  "ipv6Address",
  "nicType",
  "queueCount",
];

/** Throws when a field other than the aliases is to become another than it is. */
export function checkUnchanged(fields: Fields, shown: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (name === "aliasIpRanges" || name === "fingerprint") continue;
    const same =
      name === "network" || name === "subnetwork"
        ? String(shown[name]).endsWith(String(value).replace(/^.*\/(?=projects\/)/, ""))
        : shown[name] === value;
    if (!same) throw invalid(`resource.${name}`, "", "Updating this field is not supported.");
  }
}

export const aliasKey = ({ ipCidrRange, subnetworkRangeName = "" }: AliasIpRange): string =>
  `${subnetworkRangeName} ${ipCidrRange}`;

/** Reads the wanted list; throws what is wrong with an entry. */
export function parseAliases(
  value: unknown,
  nic: Interface,
  taken: readonly Cidr[],
): readonly AliasIpRange[] {
  if (!Array.isArray(value)) throw invalid(PATH, "", "Must be a list.");
  const result: AliasIpRange[] = [];
  for (const [index, entry] of value.entries()) {
    const at = `${PATH}[${index}]`;
    const fields = fieldsOf(
      entry,
      ALIAS_FIELDS,
      ` at 'aliasIpRanges[${index}]': Cannot find field.`,
    );
    const wanted = text(fields, "ipCidrRange", `${at}.ipCidrRange`) ?? "";
    const rangeName = text(fields, "subnetworkRangeName", `${at}.subnetworkRangeName`);
    const container = rangeOf(nic, rangeName, at);
    const range = /^\/\d{1,2}$/.test(wanted)
      ? firstFree(container, Number(wanted.slice(1)), [
          ...taken,
          ...result.map((alias) => cidr(alias.ipCidrRange)),
        ])
      : parseCidr(wanted);
    if (range === undefined)
      throw invalid(`${at}.ipCidrRange`, wanted, "Must be a valid IP address range in CIDR form.");
    if (!contains(container, range))
      throw invalid(
        `${at}.ipCidrRange`,
        wanted,
        `The range is not contained in ${rangeName === undefined ? "the primary range" : `the secondary range '${rangeName}'`} of the subnetwork.`,
      );
    if (result.some((other) => overlaps(cidr(other.ipCidrRange), range)))
      throw invalid(`${at}.ipCidrRange`, wanted, "Alias IP ranges must not overlap.");
    result.push({
      ipCidrRange: formatCidr(range),
      ...(rangeName === undefined ? {} : { subnetworkRangeName: rangeName }),
    });
  }
  return result;
}

function rangeOf({ subnetwork }: Interface, name: string | undefined, at: string): Cidr {
  if (name === undefined) return cidr(subnetwork.ipCidrRange);
  const found = subnetwork.secondaryIpRanges.find(({ rangeName }) => rangeName === name);
  if (found === undefined)
    throw invalid(
      `${at}.subnetworkRangeName`,
      name,
      `The subnetwork '${subnetwork.path}' has no secondary range of this name.`,
    );
  return cidr(found.ipCidrRange);
}

/** `/n` asks the cloud to choose. */
function firstFree(container: Cidr, length: number, taken: readonly Cidr[]): Cidr | undefined {
  if (length > 32 || length < container.length) return undefined;
  const size = 2 ** (32 - length);
  for (let { first } = container; first <= container.last; first += size) {
    const range = { first, last: first + size - 1, length };
    if (!taken.some((other) => overlaps(other, range))) return range;
  }
  return undefined;
}

/** Throws unless the interface may go from its aliases to these in one operation. */
export function checkChange(
  nic: Interface,
  wanted: readonly AliasIpRange[],
  options: Options,
): void {
  const [old, now] = [nic.aliases, wanted].map((list) => new Set(list.map(aliasKey)));
  const removed = nic.aliases.filter((alias) => !now?.has(aliasKey(alias)));
  const added = wanted.filter((alias) => !old?.has(aliasKey(alias)));
  const ranges = (list: readonly AliasIpRange[]) =>
    list.map(({ ipCidrRange }) => ipCidrRange).join(", ");
  if (options.mixedAliasChanges === "refused" && removed.length > 0 && added.length > 0)
    throw invalid(
      PATH,
      "",
      `Cannot add and remove alias IP ranges in the same request. Added ranges: [${ranges(added)}]. Removed ranges: [${ranges(removed)}].`,
    );
  if (wanted.length > options.aliasesPerInterface)
    throw new GceError({
      code: 400,
      message: `Exceeded limit 'MAX_ALIAS_IP_RANGES_PER_INTERFACE' on resource '${nic.name}'. Limit: ${options.aliasesPerInterface}`,
      reason: "limitExceeded",
    });
}

/** Whether this change put an entry before one that was there, or exchanged two that were. */
export function reorders(before: readonly AliasIpRange[], after: readonly AliasIpRange[]): boolean {
  const there = new Set(after.map(aliasKey));
  const kept = before.map(aliasKey).filter((key) => there.has(key));
  return kept.some((key, index) => {
    const entry = after[index];
    return entry === undefined || aliasKey(entry) !== key;
  });
}

/** The range of another interface's address or alias in the network that this one overlaps. */
export function conflicting(
  wanted: readonly AliasIpRange[],
  own: Interface,
  others: Iterable<{ readonly instance: Instance; readonly nic: Interface }>,
  held: readonly Cidr[],
): AliasIpRange | undefined {
  const used: Cidr[] = [...held, cidr(own.networkIP)];
  for (const { nic } of others)
    if (nic !== own)
      used.push(cidr(nic.networkIP), ...nic.aliases.map((alias) => cidr(alias.ipCidrRange)));
  return wanted.find(({ ipCidrRange }) => used.some((range) => overlaps(range, cidr(ipCidrRange))));
}
