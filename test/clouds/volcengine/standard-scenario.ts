// A VPC with two nodes as operators have it: host subnet, a primary interface each, one security group, foreign interfaces.

import type { ScenarioInput } from "./scenario.ts";

export const REGION = "cn-beijing";
export const ZONE = "cn-beijing-a";
export const OTHER_ZONE = "cn-beijing-b";
export const VPC = "vpc-2feo4p1n9x8g0bq1";
export const GROUP = "sg-2feo4p1n9x8g0bq2";
export const HOST_SUBNET = "subnet-2feo4p1n9x8g0bq3";
export const NODES = ["i-ycnode0000000000001", "i-ycnode0000000000002"] as const;
export const ACCESS_KEY = "AKLTfake0000000000000001";
export const SECRET_KEY = "c2VjcmV0LW9mLXRoZS1mYWtl==";
/** The tag by which VKE's own CNI marks its interfaces. */
export const CELLO_TAG = { Key: "k8s:cello:created-by", Value: "cello" };

type Region = ScenarioInput["regions"][number];

/** Node 1 carries what others made: an interface of VKE's CNI, one managed by a service, one of another account. */
const foreign: NonNullable<Region["enis"]> = [
  {
    id: "eni-cello000000000001",
    name: "cello-eni-1",
    mac: "00:16:3e:c0:00:01",
    subnetId: HOST_SUBNET,
    primaryIp: "172.20.0.20",
    secondaryIps: ["172.20.0.21", "172.20.0.22"],
    securityGroupIds: [GROUP],
    instanceId: NODES[0],
    tags: [CELLO_TAG],
  },
  {
    id: "eni-managed0000000001",
    name: "service-managed-1",
    mac: "00:16:3e:c0:00:02",
    subnetId: HOST_SUBNET,
    primaryIp: "172.20.0.30",
    securityGroupIds: [GROUP],
    instanceId: NODES[0],
    serviceManaged: true,
  },
  {
    id: "eni-other000000000001",
    name: "other-account-1",
    mac: "00:16:3e:c0:00:03",
    subnetId: HOST_SUBNET,
    primaryIp: "172.20.0.40",
    securityGroupIds: [GROUP],
    instanceId: NODES[0],
    account: "2100000999",
  },
];

export interface StandardOptions {
  /** Foreign interfaces on node 1; none when absent. */
  readonly foreign?: boolean;
  /** Interfaces that an instance of the nodes' type may have, the primary included; 8 when absent. */
  readonly maxEnis?: number;
  /** Addresses of one interface, its primary included; 21 when absent. */
  readonly maxIpsPerEni?: number;
  /** Addresses that the security group may hold; 2,000 when absent. */
  readonly ipQuota?: number;
  /** More or other nodes: their instance ids. */
  readonly nodes?: readonly string[];
  readonly settings?: ScenarioInput["settings"];
  /** Whether the security group lets the VPC in; it does when absent. */
  readonly ingressOpen?: boolean;
}

export function standardScenario(options: StandardOptions = {}): ScenarioInput {
  const nodes = options.nodes ?? NODES;
  return {
    ...(options.settings === undefined ? {} : { settings: options.settings }),
    credentials: [{ accessKeyId: ACCESS_KEY, secretKey: SECRET_KEY }],
    regions: [
      {
        id: REGION,
        zones: [ZONE, OTHER_ZONE],
        vpcs: [{ id: VPC, name: "cocoon", cidr: "172.20.0.0/16" }],
        subnets: [
          { id: HOST_SUBNET, name: "hosts", vpcId: VPC, zoneId: ZONE, cidr: "172.20.0.0/20" },
        ],
        securityGroups: [
          {
            id: GROUP,
            vpcId: VPC,
            ipQuota: options.ipQuota ?? 2000,
            permissions: rules(options.ingressOpen ?? true),
          },
        ],
        instanceTypes: [
          {
            id: "ecs.ebmg3i.24xlarge",
            maxEnis: options.maxEnis ?? 8,
            maxIpsPerEni: options.maxIpsPerEni ?? 21,
          },
        ],
        instances: nodes.map((id, index) => ({
          id,
          name: `node-${index + 1}`,
          typeId: "ecs.ebmg3i.24xlarge",
          vpcId: VPC,
          zoneId: ZONE,
        })),
        enis: [...nodes.map(primaryEni), ...(options.foreign === true ? foreign : [])],
      },
    ],
  };
}

const primaryEni = (instanceId: string, index: number) => ({
  id: `eni-primary${String(index + 1).padStart(10, "0")}`,
  type: "primary" as const,
  mac: `00:16:3e:a0:${hex((index + 1) >> 8)}:${hex(index + 1)}`,
  subnetId: HOST_SUBNET,
  primaryIp: `172.20.${1 + (index >> 7)}.${10 + (index & 127)}`,
  securityGroupIds: [GROUP],
  instanceId,
});

const hex = (value: number): string => (value & 0xff).toString(16).padStart(2, "0");

const rules = (open: boolean) => [
  {
    Direction: "egress" as const,
    Protocol: "all" as const,
    PortStart: -1,
    PortEnd: -1,
    CidrIp: "0.0.0.0/0",
  },
  {
    Direction: "ingress" as const,
    Protocol: "tcp" as const,
    PortStart: 22,
    PortEnd: 22,
    CidrIp: "0.0.0.0/0",
  },
  ...(open
    ? [
        {
          Direction: "ingress" as const,
          Protocol: "all" as const,
          PortStart: -1,
          PortEnd: -1,
          CidrIp: "172.20.0.0/16",
        },
      ]
    : []),
];
