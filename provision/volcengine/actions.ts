// The actions of VPC and ECS that provisioning uses, with what it reads of their answers.

import * as z from "zod/mini";
import { type Action, printable } from "./api.ts";

const MAX_TEXT = 512;
/** More entries than a page of any list has. */
const MAX_ENTRIES = 1_024;

const text = z.pipe(
  z.optional(z.nullable(z.string().check(z.maxLength(MAX_TEXT)))),
  z.transform((value) => printable(value ?? "")),
);
/** IDs and blocks: visible ASCII, since they are sent back and shown. */
const id = z.string().check(z.minLength(1), z.maxLength(128), z.regex(/^[!-~]+$/));
const count = z.number().check(z.int(), z.gte(0), z.lte(1_000_000));
/** An empty list is often null. */
const list = <Item extends z.core.SomeType>(item: Item) =>
  z.pipe(
    z.optional(z.nullable(z.array(item).check(z.maxLength(MAX_ENTRIES)))),
    z.transform((items) => items ?? []),
  );
const tags = z.pipe(
  list(z.object({ Key: text, Value: text })),
  z.transform((entries) => new Map(entries.map(({ Key, Value }) => [Key, Value]))),
);
const total = z._default(count, 0);
/** What is said of a change beside its envelope is not needed: what it did is read afterwards. */
const anything = z.object({});

const vpc = z.object({
  VpcId: id,
  Status: text,
  CidrBlock: id,
  SecondaryCidrBlocks: list(id),
});

const subnet = z.object({
  SubnetId: id,
  VpcId: text,
  ZoneId: text,
  CidrBlock: id,
  Status: text,
  Tags: tags,
});

const networkInterface = z.object({
  NetworkInterfaceId: id,
  NetworkInterfaceName: text,
  Type: text,
  Status: text,
  MacAddress: text,
  DeviceId: text,
  PrimaryIpAddress: text,
  PrivateIpSets: z.optional(
    z.nullable(
      z.object({
        PrivateIpSet: list(
          z.object({ PrivateIpAddress: id, Primary: z._default(z.boolean(), false) }),
        ),
      }),
    ),
  ),
  SecurityGroupIds: list(id),
  SubnetId: text,
  ServiceManaged: z._default(z.boolean(), false),
  CreatedAt: text,
  Tags: tags,
});

const permission = z.object({
  Direction: text,
  Protocol: text,
  PortStart: z.number(),
  PortEnd: z.number(),
  CidrIp: text,
  Policy: text,
  Priority: z._default(z.number(), 1),
});

export type VpcAnswer = z.infer<typeof vpc>;
export type SubnetAnswer = z.infer<typeof subnet>;
export type InterfaceAnswer = z.infer<typeof networkInterface>;
export type PermissionAnswer = z.infer<typeof permission>;

const read = <Result>(
  service: "vpc" | "ecs",
  name: string,
  result: z.ZodMiniType<Result>,
): Action<Result> => ({ service, name, result, changes: false });
const change = <Result>(
  name: string,
  changes: "token" | "bare",
  result: z.ZodMiniType<Result>,
): Action<Result> => ({ service: "vpc", name, result, changes });

export const describeInstances = read(
  "ecs",
  "DescribeInstances",
  z.object({
    Instances: list(
      z.object({
        InstanceId: id,
        Status: text,
        InstanceTypeId: text,
        VpcId: text,
        ZoneId: text,
        NetworkInterfaces: list(z.object({ NetworkInterfaceId: id })),
      }),
    ),
  }),
);
export const describeInstanceTypes = read(
  "ecs",
  "DescribeInstanceTypes",
  z.object({
    InstanceTypes: list(
      z.object({
        InstanceTypeId: id,
        Network: z.object({
          MaximumNetworkInterfaces: count,
          MaximumPrivateIpv4AddressesPerNetworkInterface: count,
        }),
      }),
    ),
  }),
);
export const describeVpcAttributes = read("vpc", "DescribeVpcAttributes", vpc);
export const describeSubnets = read(
  "vpc",
  "DescribeSubnets",
  z.object({ Subnets: list(subnet), TotalCount: total }),
);
export const describeSubnetAttributes = read("vpc", "DescribeSubnetAttributes", subnet);
export const describeInterfaces = read(
  "vpc",
  "DescribeNetworkInterfaces",
  z.object({ NetworkInterfaceSets: list(networkInterface), TotalCount: total }),
);
export const describeInterface = read(
  "vpc",
  "DescribeNetworkInterfaceAttributes",
  networkInterface,
);
export const describeSecurityGroup = read(
  "vpc",
  "DescribeSecurityGroupAttributes",
  z.object({ SecurityGroupId: id, Permissions: list(permission) }),
);

export const createSubnet = change("CreateSubnet", "token", z.object({ SubnetId: id }));
export const deleteSubnet = change("DeleteSubnet", "bare", anything);
export const createInterface = change(
  "CreateNetworkInterface",
  "token",
  z.object({ NetworkInterfaceId: id }),
);
export const attachInterface = change("AttachNetworkInterface", "bare", anything);
export const detachInterface = change("DetachNetworkInterface", "bare", anything);
export const deleteInterface = change("DeleteNetworkInterface", "bare", anything);
export const assignAddresses = change("AssignPrivateIpAddresses", "token", anything);
export const authorizeIngress = change("AuthorizeSecurityGroupIngress", "token", anything);
