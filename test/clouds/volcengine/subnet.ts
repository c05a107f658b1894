// Actions on subnets. Making one keeps its VPC pending; deleting one needs it empty, and that is noticed late.

import {
  containsPrefix,
  formatPrefix,
  hasHostBits,
  overlaps,
  parsePrefix,
  prefixSize,
  type Prefix,
} from "#core/prefix.ts";
import { type Action, type Call, checkTags, lagFrom, listOf, matchesTags } from "./call.ts";
import { VolcengineError } from "./errors.ts";
import { numberedPages, pageOf, tokenPages } from "./paging.ts";
import type { Subnet, Vpc } from "./region.ts";
import { findVpc } from "./vpc.ts";

/** Network, gateway and broadcast address. */
const RESERVED_ADDRESSES = 3;
/** Prefix lengths that a subnet may have. */
const LENGTHS = { shortest: 16, longest: 29 };

/** The subnet if the account may see it. Each call that names it is a look. */
export function findSubnet(call: Call, id: string): Subnet {
  const subnet = call.region.subnets.get(id);
  if (
    subnet === undefined ||
    subnet.account !== call.account ||
    subnet.hidden?.look(call.now) === true
  )
    throw new VolcengineError(
      "InvalidSubnet.NotFound",
      `The specified SubnetId ${id} does not exist.`,
    );
  subnet.next?.countdown.look(call.now);
  return subnet;
}

function subnetJson(call: Call, subnet: Subnet) {
  const total = Number(prefixSize(subnet.prefix));
  return {
    SubnetId: subnet.id,
    SubnetName: subnet.name,
    AccountId: subnet.account,
    VpcId: subnet.vpcId,
    ZoneId: subnet.zoneId,
    CidrBlock: subnet.cidr,
    Status: subnet.status,
    TotalIpv4Count: total - RESERVED_ADDRESSES,
    AvailableIpAddressCount: total - call.region.takenIn(subnet).size,
    RouteTable: { RouteTableId: `vtb-${subnet.vpcId.slice(4)}`, RouteTableType: "System" },
    NetworkAclId: "",
    IsDefault: false,
    ProjectName: "default",
    Tags: listOf(call, subnet.tags),
  };
}

const describeSubnets: Action = {
  service: "vpc",
  mutating: false,
  parameters: {
    SubnetIds: "list",
    VpcId: "text",
    ZoneId: "text",
    SubnetName: "text",
    ProjectName: "text",
    TagFilters: "filters",
    ...numberedPages,
    ...tokenPages,
  },
  serve(call) {
    const { parameters } = call;
    const ids = parameters.list("SubnetIds");
    const same = (name: string, value: string) => (parameters.text(name) ?? value) === value;
    const found = [...call.region.subnets.values()].filter(
      (subnet) =>
        subnet.account === call.account &&
        (ids.length === 0 || ids.includes(subnet.id)) &&
        same("VpcId", subnet.vpcId) &&
        same("ZoneId", subnet.zoneId) &&
        subnet.name.includes(parameters.text("SubnetName") ?? "") &&
        matchesTags(subnet.tags, parameters.filters("TagFilters")) &&
        subnet.hidden?.look(call.now) !== true,
    );
    for (const vpcId of new Set(found.map(({ vpcId: id }) => id)))
      call.region.vpcs.get(vpcId)?.next?.look(call.now);
    const { entries, fields } = pageOf(found, parameters);
    for (const subnet of entries) subnet.next?.countdown.look(call.now);
    return {
      Subnets: listOf(
        call,
        entries.map((subnet) => subnetJson(call, subnet)),
      ),
      ...fields,
    };
  },
};

const describeSubnetAttributes: Action = {
  service: "vpc",
  mutating: false,
  parameters: { "SubnetId*": "text" },
  serve: (call) => subnetJson(call, findSubnet(call, call.parameters.required("SubnetId"))),
};

function checkBlock(call: Call, vpc: Vpc, cidr: string): Prefix {
  const prefix = parsePrefix(cidr);
  const malformed = (why: string) =>
    new VolcengineError("InvalidCidrBlock.Malformed", `The specified CidrBlock ${cidr} ${why}.`);
  if (prefix === undefined || prefix.family !== 4 || hasHostBits(cidr))
    throw malformed("is no IPv4 network");
  if (prefix.length < LENGTHS.shortest || prefix.length > LENGTHS.longest)
    throw malformed(`is not between /${LENGTHS.shortest} and /${LENGTHS.longest}`);
  const blocks = [vpc.cidr, ...vpc.secondaryCidrs].flatMap((text) => parsePrefix(text) ?? []);
  if (!blocks.some((block) => containsPrefix(block, prefix)))
    throw malformed(`does not lie in ${vpc.id}`);
  const other = [...call.region.subnets.values()].find(
    (subnet) => subnet.vpcId === vpc.id && overlaps(subnet.prefix, prefix),
  );
  if (other !== undefined)
    throw new VolcengineError(
      "InvalidCidrBlock.Conflict",
      `The specified CidrBlock ${cidr} conflicts with ${other.id} ${other.cidr}.`,
    );
  if (vpc.routeTargets.includes(formatPrefix(prefix)))
    throw new VolcengineError(
      "InvalidCidrBlock.Conflict",
      `The specified CidrBlock ${cidr} is the target of a route entry.`,
    );
  return prefix;
}

const createSubnet: Action = {
  service: "vpc",
  mutating: true,
  replays: true,
  parameters: {
    "VpcId*": "text",
    "ZoneId*": "text",
    "CidrBlock*": "text",
    SubnetName: "text",
    Description: "text",
    Tags: "tags",
  },
  serve(call) {
    const { parameters, region, settings } = call;
    const vpc = findVpc(call, parameters.required("VpcId"));
    const zoneId = parameters.required("ZoneId");
    if (!region.zones.includes(zoneId))
      throw new VolcengineError(
        "InvalidZone.NotFound",
        `The specified ZoneId ${zoneId} does not exist.`,
      );
    const cidr = parameters.required("CidrBlock");
    const tags = checkTags(parameters.tags("Tags"));
    if (vpc.status !== "Available")
      throw new VolcengineError(
        "InvalidVpc.InvalidStatus",
        `The status of ${vpc.id} is ${vpc.status}.`,
      );
    const prefix = checkBlock(call, vpc, cidr);
    const inVpc = [...region.subnets.values()].filter(({ vpcId }) => vpcId === vpc.id);
    if (inVpc.length >= settings.subnetsPerVpc)
      throw new VolcengineError(
        "QuotaExceeded.Subnet",
        `The quota of ${settings.subnetsPerVpc} subnets in ${vpc.id} is exceeded.`,
      );
    const id = call.newId("subnet");
    region.subnets.set(id, {
      id,
      name: parameters.text("SubnetName") ?? "",
      vpcId: vpc.id,
      zoneId,
      cidr,
      prefix,
      taken: [],
      account: call.account,
      tags,
      status: "Pending",
      next: { status: "Available", countdown: lagFrom(call, settings.transition) },
      hidden: lagFrom(call, settings.notFound),
    });
    vpc.status = "Pending";
    vpc.next = lagFrom(call, settings.transition);
    return { SubnetId: id };
  },
};

const deleteSubnet: Action = {
  service: "vpc",
  mutating: true,
  parameters: { "SubnetId*": "text" },
  serve(call) {
    const subnet = findSubnet(call, call.parameters.required("SubnetId"));
    if (subnet.status !== "Available")
      throw new VolcengineError(
        "InvalidSubnet.InvalidStatus",
        `The status of ${subnet.id} is ${subnet.status}.`,
      );
    const held = call.region.enisIn(subnet.id);
    for (const eni of held) eni.next?.countdown.look(call.now);
    const used = held.length > 0 || subnet.taken.length > 0;
    if (used || subnet.release?.look(call.now) === true)
      throw new VolcengineError(
        "InvalidSubnet.InUse",
        `The subnet ${subnet.id} is in use: it still holds network interfaces or other resources.`,
      );
    subnet.status = "Pending";
    subnet.next = { status: "gone", countdown: lagFrom(call, call.settings.transition) };
    return {};
  },
};

export const subnetActions = {
  DescribeSubnets: describeSubnets,
  DescribeSubnetAttributes: describeSubnetAttributes,
  CreateSubnet: createSubnet,
  DeleteSubnet: deleteSubnet,
};
