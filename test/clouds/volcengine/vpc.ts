// Actions on VPCs: only reading them; what changes them is the making of subnets.

import { type Action, type Call, listOf, matchesTags } from "./call.ts";
import { VolcengineError } from "./errors.ts";
import { numberedPages, pageOf, tokenPages } from "./paging.ts";
import type { Vpc } from "./region.ts";

/** The VPC if the account may see it. Each call that names it is a look. */
export function findVpc(call: Call, id: string): Vpc {
  const vpc = call.region.vpcs.get(id);
  if (vpc === undefined || vpc.account !== call.account)
    throw new VolcengineError("InvalidVpc.NotFound", `The specified VpcId ${id} does not exist.`);
  vpc.next?.look(call.now);
  return vpc;
}

const vpcJson = (call: Call, vpc: Vpc) => ({
  VpcId: vpc.id,
  VpcName: vpc.name,
  AccountId: vpc.account,
  CidrBlock: vpc.cidr,
  SecondaryCidrBlocks: listOf(call, vpc.secondaryCidrs),
  Status: vpc.status,
  IsDefault: false,
  ProjectName: "default",
  SubnetIds: listOf(
    call,
    [...call.region.subnets.values()]
      .filter(({ vpcId, hidden }) => vpcId === vpc.id && hidden?.over(call.now) !== false)
      .map(({ id }) => id),
  ),
  SecurityGroupIds: listOf(
    call,
    [...call.region.securityGroups.values()]
      .filter(({ vpcId }) => vpcId === vpc.id)
      .map(({ id }) => id),
  ),
  Tags: listOf(call, vpc.tags),
});

const describeVpcs: Action = {
  service: "vpc",
  mutating: false,
  parameters: {
    VpcIds: "list",
    VpcName: "text",
    ProjectName: "text",
    TagFilters: "filters",
    ...numberedPages,
    ...tokenPages,
  },
  serve(call) {
    const ids = call.parameters.list("VpcIds");
    const name = call.parameters.text("VpcName");
    const found = [...call.region.vpcs.values()].filter(
      (vpc) =>
        vpc.account === call.account &&
        (ids.length === 0 || ids.includes(vpc.id)) &&
        (name === undefined || vpc.name.includes(name)) &&
        matchesTags(vpc.tags, call.parameters.filters("TagFilters")),
    );
    for (const vpc of found) vpc.next?.look(call.now);
    const { entries, fields } = pageOf(found, call.parameters);
    return {
      Vpcs: listOf(
        call,
        entries.map((vpc) => vpcJson(call, vpc)),
      ),
      ...fields,
    };
  },
};

const describeVpcAttributes: Action = {
  service: "vpc",
  mutating: false,
  parameters: { "VpcId*": "text" },
  serve: (call) => vpcJson(call, findVpc(call, call.parameters.required("VpcId"))),
};

export const vpcActions = {
  DescribeVpcs: describeVpcs,
  DescribeVpcAttributes: describeVpcAttributes,
};
