// What a fake of Volcengine begins with, as JSON: accounts' keys, regions and all that stands in them.

import { z } from "zod";

const lag = z.strictObject({ polls: z.int().min(0), ms: z.number().min(0).optional() });
const rate = z.strictObject({ perSecond: z.number().min(0), burst: z.number().min(0) });
const tag = z.strictObject({ Key: z.string().min(1), Value: z.string() });

/** How the fake behaves where the real thing varies. Defaults are the unkind ones. */
const settings = z.strictObject({
  /** A state change (Creating → Available and so on) is done after so many looks at the thing. */
  transition: lag.default({ polls: 2 }),
  /** Looks that do not find what was just created. */
  notFound: lag.default({ polls: 1 }),
  /** Looks at an interface that show what was before its last change. */
  stale: lag.default({ polls: 1 }),
  /** Tries of DeleteSubnet that are refused after the last interface is gone. */
  subnetRelease: lag.default({ polls: 2 }),
  /** Looks at the metadata's list of interfaces that show what was before. */
  metadata: lag.default({ polls: 2 }),
  /** Per account. */
  readRate: rate.default({ perSecond: 4, burst: 7 }),
  writeRate: rate.default({ perSecond: 2, burst: 3 }),
  /** Errors come with HTTP status 200. */
  errorsAsOk: z.boolean().default(false),
  /** AssignPrivateIpAddresses answers with all secondary addresses, or with the new ones only. */
  assignAnswersAll: z.boolean().default(true),
  /** A list without entries is null. */
  emptyListIsNull: z.boolean().default(true),
  /** How too many calls are answered. */
  throttle: z.enum(["FlowLimitExceeded", "AccountFlowLimitExceeded"]).default("FlowLimitExceeded"),
  /** How a missing permission is answered. */
  denial: z.enum(["AccessDenied", "LackPolicy"]).default("AccessDenied"),
  /** Interfaces of one account in a region; primary ones do not count. */
  enisPerAccount: z.int().default(5000),
  subnetsPerVpc: z.int().default(200),
  securityGroupsPerEni: z.int().default(5),
  /** Which spellings of the metadata exist. */
  metadataPaths: z.enum(["both", "documented", "legacy"]).default("both"),
  /** Whether the metadata wants a token. */
  metadataTokens: z.enum(["none", "optional", "enforced"]).default("optional"),
  /** Milliseconds of the fake's clock per millisecond; 0: time stands still until it is moved. */
  clockScale: z.number().min(0).default(1),
});

const credential = z.strictObject({
  accessKeyId: z.string().min(1),
  secretKey: z.string().min(1),
  account: z.string().default("2100000001"),
  /** Temporary keys carry one. */
  sessionToken: z.string().optional(),
  /** RFC 3339. */
  expiresAt: z.string().optional(),
  /** `vpc:CreateSubnet` and so on; absent: all. */
  allow: z.array(z.string()).optional(),
  deny: z.array(z.string()).default([]),
  /** The ECS role whose credentials the metadata hands out. */
  role: z.string().optional(),
});

const vpc = z.strictObject({
  id: z.string(),
  name: z.string().default(""),
  cidr: z.string(),
  secondaryCidrs: z.array(z.string()).default([]),
  /** Targets of route entries of its own: no subnet may be equal to one. */
  routeTargets: z.array(z.string()).default([]),
  account: z.string().default("2100000001"),
  tags: z.array(tag).default([]),
});

const subnet = z.strictObject({
  id: z.string(),
  name: z.string().default(""),
  vpcId: z.string(),
  zoneId: z.string(),
  cidr: z.string(),
  /** Addresses taken by what is not modelled. */
  taken: z.array(z.string()).default([]),
  account: z.string().default("2100000001"),
  tags: z.array(tag).default([]),
});

const permission = z.strictObject({
  Direction: z.enum(["ingress", "egress"]),
  Protocol: z.enum(["tcp", "udp", "icmp", "icmpv6", "all"]),
  PortStart: z.int(),
  PortEnd: z.int(),
  CidrIp: z.string().default(""),
  SourceGroupId: z.string().default(""),
  Policy: z.enum(["accept", "drop"]).default("accept"),
  Priority: z.int().default(1),
  Description: z.string().default(""),
});

const securityGroup = z.strictObject({
  id: z.string(),
  name: z.string().default(""),
  type: z.string().default("default"),
  vpcId: z.string(),
  account: z.string().default("2100000001"),
  /** Every address of every interface in the group counts. */
  ipQuota: z.int().default(2000),
  permissions: z.array(permission).default([]),
  tags: z.array(tag).default([]),
});

const instanceType = z.strictObject({
  id: z.string(),
  /** Includes the primary. */
  maxEnis: z.int(),
  /** Includes the interface's own primary address. */
  maxIpsPerEni: z.int(),
});

const instance = z.strictObject({
  id: z.string(),
  name: z.string(),
  typeId: z.string(),
  vpcId: z.string(),
  zoneId: z.string(),
  status: z.string().default("RUNNING"),
  account: z.string().default("2100000001"),
  /** MACs that the metadata lists without knowing more of them. */
  strangeMacs: z.array(z.string()).default([]),
});

const eni = z.strictObject({
  id: z.string(),
  name: z.string().default(""),
  description: z.string().default(""),
  type: z.enum(["primary", "secondary", "trunk"]).default("secondary"),
  mac: z.string(),
  subnetId: z.string(),
  primaryIp: z.string(),
  secondaryIps: z.array(z.string()).default([]),
  securityGroupIds: z.array(z.string()),
  /** Empty: attached to none. */
  instanceId: z.string().default(""),
  deleteOnTermination: z.boolean().default(false),
  serviceManaged: z.boolean().default(false),
  account: z.string().default("2100000001"),
  /** RFC 3339. */
  createdAt: z.string().default("2026-01-01T00:00:00Z"),
  tags: z.array(tag).default([]),
});

const region = z.strictObject({
  id: z.string(),
  zones: z.array(z.string()).min(1),
  vpcs: z.array(vpc).default([]),
  subnets: z.array(subnet).default([]),
  securityGroups: z.array(securityGroup).default([]),
  instanceTypes: z.array(instanceType).default([]),
  instances: z.array(instance).default([]),
  enis: z.array(eni).default([]),
});

const scenario = z.strictObject({
  settings: settings.default(() => settings.parse({})),
  credentials: z.array(credential).min(1),
  regions: z.array(region).min(1),
});

export type Settings = z.infer<typeof settings>;
export type Credential = z.infer<typeof credential>;
export type Permission = z.infer<typeof permission>;
export type InstanceType = z.infer<typeof instanceType>;
export type RegionSeed = z.infer<typeof region>;
export type EniSeed = z.infer<typeof eni>;
export type SubnetSeed = z.infer<typeof subnet>;
export type Scenario = z.infer<typeof scenario>;
/** What may be left out is optional here. */
export type ScenarioInput = z.input<typeof scenario>;

export const parseScenario = (value: unknown): Scenario => scenario.parse(value);
export const parseSettings = (value: unknown): Settings => settings.parse(value);
export const parseEni = (value: unknown): EniSeed => eni.parse(value);
export const parseCredential = (value: unknown): Credential => credential.parse(value);
export const parsePermission = (value: unknown): Permission => permission.parse(value);
