// subnetworks.patch: the list of secondary ranges, replaced as a whole under the rules of a VPC network.

import { type Cidr, cidr, overlaps, parseCidr } from "./cidr.ts";
import { GceError, invalid, required } from "./errors.ts";
import { type Fields, fieldsOf, text } from "./request.ts";
import type { Resources, Subnetwork } from "./resources.ts";
import type { Options, SecondaryIpRange } from "./scenario.ts";

const PATH = "resource.secondaryIpRanges";
const RANGE_FIELDS = ["rangeName", "ipCidrRange", "reservedInternalRange"];
/** Fields of a subnetwork; another than the two that change must be as it is. */
export const SUBNETWORK_FIELDS = [
  "kind",
  "id",
  "creationTimestamp",
  "name",
  "network",
  "ipCidrRange",
  "gatewayAddress",
  "region",
  "selfLink",
  "privateIpGoogleAccess",
  "secondaryIpRanges",
  "fingerprint",
  "purpose",
  "stackType",
];
/** Ranges from /29 to /4 (VPC documentation, "Valid IPv4 ranges"). */
const LONGEST_PREFIX = 29;
const SHORTEST_PREFIX = 4;

export function checkOtherFields(fields: Fields, shown: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(fields))
    if (name !== "secondaryIpRanges" && name !== "fingerprint" && shown[name] !== value)
      throw invalid(`resource.${name}`, String(value), "Updating this field is not supported.");
}

export function parseSecondaryRanges(value: unknown): readonly SecondaryIpRange[] {
  if (!Array.isArray(value)) throw invalid(PATH, "", "Must be a list.");
  const names = new Set<string>();
  return value.map((entry: unknown, index) => {
    const at = `${PATH}[${index}]`;
    const where = ` at 'secondaryIpRanges[${index}]': Cannot find field.`;
    const fields = fieldsOf(entry, RANGE_FIELDS, where);
    const rangeName = text(fields, "rangeName", `${at}.rangeName`);
    const ipCidrRange = text(fields, "ipCidrRange", `${at}.ipCidrRange`);
    if (rangeName === undefined) throw required(`${at}.rangeName`);
    if (ipCidrRange === undefined) throw required(`${at}.ipCidrRange`);
    if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(rangeName))
      throw invalid(
        `${at}.rangeName`,
        rangeName,
        "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'",
      );
    if (names.has(rangeName))
      throw invalid(`${at}.rangeName`, rangeName, "Secondary range names must be unique.");
    names.add(rangeName);
    const range = parseCidr(ipCidrRange);
    if (range === undefined || !ipCidrRange.includes("/"))
      throw invalid(
        `${at}.ipCidrRange`,
        ipCidrRange,
        "Must be a CIDR address range that is contained in the RFC1918 private address blocks: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]",
      );
    if (range.length > LONGEST_PREFIX || range.length < SHORTEST_PREFIX)
      throw invalid(
        `${at}.ipCidrRange`,
        ipCidrRange,
        `Invalid IPCidrRange: ${ipCidrRange} has a prefix length outside of ${SHORTEST_PREFIX} to ${LONGEST_PREFIX}.`,
      );
    return { rangeName, ipCidrRange };
  });
}

/** Throws unless the subnetwork may go from its ranges to these in one request. */
export function checkRanges(
  resources: Resources,
  subnetwork: Subnetwork,
  wanted: readonly SecondaryIpRange[],
  options: Options,
): void {
  const old = subnetwork.secondaryIpRanges;
  for (const [index, range] of wanted.entries()) {
    const same = old.find(({ rangeName }) => rangeName === range.rangeName);
    if (same !== undefined && same.ipCidrRange !== range.ipCidrRange)
      throw invalid(
        `${PATH}[${index}].ipCidrRange`,
        range.ipCidrRange,
        "Existing secondary range cannot be modified.",
      );
    if (same === undefined) checkConflicts(resources, subnetwork, wanted, index);
  }
  const missing = (from: readonly SecondaryIpRange[], in_: readonly SecondaryIpRange[]) =>
    from.filter(({ rangeName }) => !in_.some((range) => range.rangeName === rangeName));
  const [added, removed] = [missing(wanted, old), missing(old, wanted)];
  const list = (ranges: readonly SecondaryIpRange[]) =>
    ranges.map(({ ipCidrRange }) => ipCidrRange).join(", ");
  if (added.length > 0 && removed.length > 0)
    throw invalid(
      PATH,
      "",
      `Cannot add and remove secondary IP ranges in the same request. Added ranges: [${list(added)}]. \nRemoved ranges: [${list(removed)}].`,
    );
  for (const { rangeName } of removed) checkUnused(resources, subnetwork, rangeName);
  if (wanted.length > options.secondaryRangesPerSubnetwork)
    throw new GceError({
      code: 400,
      message: `Exceeded limit 'MAX_SECONDARY_RANGES_PER_SUBNETWORK' on resource '${subnetwork.name}'. Limit: ${options.secondaryRangesPerSubnetwork}`,
      reason: "limitExceeded",
    });
}

/** No range may overlap another of the network or of its peers, its own subnetwork's included. */
function checkConflicts(
  { scenario, subnetworks }: Resources,
  own: Subnetwork,
  wanted: readonly SecondaryIpRange[],
  index: number,
): void {
  const { ipCidrRange } = wanted[index] ?? { ipCidrRange: "" };
  const range = cidr(ipCidrRange);
  const clash = (other: string) => overlaps(cidr(other), range);
  const field = `${PATH}[${index}].ipCidrRange`;
  for (const each of subnetworks) {
    const ranges = [each.ipCidrRange, ...each.secondaryIpRanges.map((one) => one.ipCidrRange)];
    if (ranges.some(clash))
      throw invalid(
        field,
        ipCidrRange,
        `Invalid IPCidrRange: ${ipCidrRange} conflicts with existing subnetwork '${each.name}' in region '${each.region}'.`,
      );
  }
  if (wanted.some((other, at) => at !== index && clash(other.ipCidrRange)))
    throw invalid(
      field,
      ipCidrRange,
      `Invalid IPCidrRange: ${ipCidrRange} conflicts with existing subnetwork '${own.name}' in region '${own.region}'.`,
    );
  const peer = (scenario.peeredRanges ?? []).find(clash);
  if (peer !== undefined)
    throw invalid(
      field,
      ipCidrRange,
      `Invalid IPCidrRange: ${ipCidrRange} conflicts with range ${peer} of a peered network.`,
    );
}

function checkUnused(resources: Resources, subnetwork: Subnetwork, rangeName: string): void {
  for (const { instance, nic } of resources.interfaces())
    if (
      nic.subnetwork === subnetwork &&
      nic.aliases.some((alias) => alias.subnetworkRangeName === rangeName)
    )
      throw new GceError({
        code: 400,
        message: `The subnetwork resource '${subnetwork.path}' is already being used by '${instance.path}'`,
        reason: "resourceInUseByAnotherResource",
      });
}

/** Every address range of an interface's surroundings that `/n` must not choose. */
export const takenRanges = (resources: Resources): readonly Cidr[] =>
  [...resources.interfaces()].flatMap(({ nic }) => [
    cidr(nic.networkIP),
    ...nic.aliases.map((alias) => cidr(alias.ipCidrRange)),
  ]);
