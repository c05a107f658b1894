// Actions on security groups: what they allow, how full they are, and one more ingress rule.

import { parsePrefix } from "#core/prefix.ts";
import { type Action, type Call, listOf, matchesTags } from "./call.ts";
import { VolcengineError } from "./errors.ts";
import { numberedPages, pageOf, tokenPages } from "./paging.ts";
import type { SecurityGroup } from "./region.ts";
import { type Permission, parsePermission } from "./scenario.ts";

/** Interfaces that one group may hold. */
const MAX_ENIS_IN_GROUP = 2000;
const PROTOCOLS = ["tcp", "udp", "icmp", "icmpv6", "all"];

function findGroup(call: Call): SecurityGroup {
  const id = call.parameters.required("SecurityGroupId");
  const group = call.region.securityGroups.get(id);
  if (group === undefined || group.account !== call.account)
    throw new VolcengineError(
      "InvalidSecurityGroup.NotFound",
      `The specified SecurityGroupId ${id} does not exist.`,
    );
  return group;
}

function groupJson(call: Call, group: SecurityGroup) {
  const ips = call.region.ipsInGroup(group.id);
  const enis = [...call.region.enis.values()].filter(({ view }) =>
    view.securityGroupIds.includes(group.id),
  ).length;
  return {
    SecurityGroupId: group.id,
    SecurityGroupName: group.name,
    Type: group.type,
    Status: "Available",
    VpcId: group.vpcId,
    ProjectName: "default",
    ServiceManaged: false,
    UsedIpCount: ips,
    AvailableIpCount: Math.max(0, group.ipQuota - ips),
    UsedNetworkInterfaceCount: enis,
    AvailableNetworkInterfaceCount: MAX_ENIS_IN_GROUP - enis,
    Tags: listOf(call, group.tags),
  };
}

const describeSecurityGroups: Action = {
  service: "vpc",
  mutating: false,
  parameters: {
    SecurityGroupIds: "list",
    SecurityGroupNames: "list",
    VpcId: "text",
    ProjectName: "text",
    TagFilters: "filters",
    ...numberedPages,
    ...tokenPages,
  },
  serve(call) {
    const { parameters } = call;
    const ids = parameters.list("SecurityGroupIds");
    const names = parameters.list("SecurityGroupNames");
    const found = [...call.region.securityGroups.values()].filter(
      (group) =>
        group.account === call.account &&
        (ids.length === 0 || ids.includes(group.id)) &&
        (names.length === 0 || names.includes(group.name)) &&
        (parameters.text("VpcId") ?? group.vpcId) === group.vpcId &&
        matchesTags(group.tags, parameters.filters("TagFilters")),
    );
    const { entries, fields } = pageOf(found, parameters);
    return {
      SecurityGroups: listOf(
        call,
        entries.map((group) => groupJson(call, group)),
      ),
      ...fields,
    };
  },
};

const describeSecurityGroupAttributes: Action = {
  service: "vpc",
  mutating: false,
  parameters: {
    "SecurityGroupId*": "text",
    Direction: "text",
    Protocol: "text",
    CidrIp: "text",
    SourceGroupId: "text",
  },
  serve(call) {
    const group = findGroup(call);
    const { parameters } = call;
    const direction = parameters.text("Direction");
    if (direction !== undefined && direction !== "ingress" && direction !== "egress")
      throw new VolcengineError(
        "InvalidParameter",
        `Direction ${direction} is neither ingress nor egress.`,
      );
    const is = (name: keyof Permission, rule: Permission) =>
      (parameters.text(name) ?? rule[name]) === rule[name];
    const permissions = group.permissions.filter(
      (rule) =>
        is("Direction", rule) &&
        is("Protocol", rule) &&
        is("CidrIp", rule) &&
        is("SourceGroupId", rule),
    );
    return { ...groupJson(call, group), Permissions: listOf(call, permissions) };
  },
};

const authorizeSecurityGroupIngress: Action = {
  service: "vpc",
  mutating: true,
  replays: true,
  parameters: {
    "SecurityGroupId*": "text",
    "Protocol*": "text",
    // Numbers from -1, so no `count`.
    "PortStart*": "text",
    "PortEnd*": "text",
    CidrIp: "text",
    SourceGroupId: "text",
    PrefixListId: "text",
    Policy: "text",
    Priority: "count",
    Description: "text",
  },
  serve(call) {
    const group = findGroup(call);
    const rule = ruleFrom(call);
    const same = (other: Permission) =>
      (
        [
          "Direction",
          "Protocol",
          "PortStart",
          "PortEnd",
          "CidrIp",
          "SourceGroupId",
          "Policy",
          "Priority",
        ] as const
      ).every((name) => other[name] === rule[name]);
    if (group.permissions.some(same))
      throw new VolcengineError(
        "InvalidSecurityGroupRule.Duplicate",
        `The rule exists in ${group.id} already.`,
      );
    group.permissions.push(rule);
    return {};
  },
};

function ruleFrom({ parameters }: Call): Permission {
  const bad = (why: string) => new VolcengineError("InvalidParameter", why, true);
  const protocol = parameters.required("Protocol");
  if (!PROTOCOLS.includes(protocol)) throw bad(`Protocol ${protocol} is not known.`);
  const [start, end] = [
    Number(parameters.required("PortStart")),
    Number(parameters.required("PortEnd")),
  ];
  const anyPort = protocol === "all" || protocol.startsWith("icmp");
  const fits = anyPort
    ? start === -1 && end === -1
    : Number.isInteger(start) &&
      Number.isInteger(end) &&
      start >= 1 &&
      start <= end &&
      end <= 65_535;
  if (!fits)
    throw bad(`PortStart ${start} and PortEnd ${end} do not suit the protocol ${protocol}.`);
  const sources = ["CidrIp", "SourceGroupId", "PrefixListId"].filter(
    (name) => parameters.text(name) !== undefined,
  );
  if (sources.length !== 1)
    throw bad("Exactly one of CidrIp, SourceGroupId and PrefixListId is required.");
  const cidr = parameters.text("CidrIp");
  if (cidr !== undefined && parsePrefix(cidr) === undefined)
    throw bad(`CidrIp ${cidr} is no CIDR.`);
  const policy = parameters.text("Policy") ?? "accept";
  if (policy !== "accept" && policy !== "drop") throw bad(`Policy ${policy} is not known.`);
  return parsePermission({
    Direction: "ingress",
    Protocol: protocol,
    PortStart: start,
    PortEnd: end,
    CidrIp: cidr ?? "",
    SourceGroupId: parameters.text("SourceGroupId") ?? "",
    Policy: policy,
    Priority: parameters.count("Priority") ?? 1,
    Description: parameters.text("Description") ?? "",
  });
}

export const securityGroupActions = {
  DescribeSecurityGroups: describeSecurityGroups,
  DescribeSecurityGroupAttributes: describeSecurityGroupAttributes,
  AuthorizeSecurityGroupIngress: authorizeSecurityGroupIngress,
};
