// The VPC of the Volcengine tests: two nodes, a hosts' subnet, interfaces of others, and small interfaces, so that two fill a pool.
import type { ScenarioInput } from "#test/clouds/volcengine/scenario.ts";

export const METADATA = "100.96.0.96";
export const HOSTS_ROUTER = "10.204.0.1";
export const NODE_IP = "10.204.0.10";
export const NODE_MAC = "00:16:3e:a0:00:01";
/** Another host of the VPC. */
export const PEER = "10.204.0.200";
export const SUBNET = "10.204.100.0/24";
export const SUBNET_ROUTER = "10.204.100.1";
export const INSTANCE = "i-ycnode0000000000001";
export const OTHER_INSTANCE = "i-ycnode0000000000002";
export const REGION = "cn-beijing";
export const ZONE = "cn-beijing-a";
export const OTHER_ZONE = "cn-beijing-b";
export const VPC = "vpc-2feo4p1n9x8g0bq1";
export const GROUP = "sg-2feo4p1n9x8g0bq2";
export const HOSTS = "subnet-2feo4p1n9x8g0bq3";
export const ACCESS_KEY = "AKLTfake0000000000000001";
export const SECRET_KEY = "c2VjcmV0LW9mLXRoZS1mYWtl==";
const TYPE = "ecs.ebmg3i.24xlarge";
/** Three secondary addresses beside its own. */
const ADDRESSES_PER_INTERFACE = 4;

export type Settings = NonNullable<ScenarioInput["settings"]>;

/** Nothing is late and nothing is throttled: for tests that call init many times. */
export const AT_ONCE: Settings = {
  transition: { polls: 0 },
  notFound: { polls: 0 },
  stale: { polls: 0 },
  subnetRelease: { polls: 0 },
  metadata: { polls: 0 },
  readRate: { perSecond: 1_000, burst: 1_000 },
  writeRate: { perSecond: 1_000, burst: 1_000 },
};

export function volcengineScenario(settings: Settings): ScenarioInput {
  return {
    settings,
    credentials: [{ accessKeyId: ACCESS_KEY, secretKey: SECRET_KEY }],
    regions: [
      {
        id: REGION,
        zones: [ZONE, OTHER_ZONE],
        vpcs: [{ id: VPC, name: "cocoon", cidr: "10.204.0.0/16" }],
        subnets: [{ id: HOSTS, name: "hosts", vpcId: VPC, zoneId: ZONE, cidr: "10.204.0.0/20" }],
        securityGroups: [{ id: GROUP, vpcId: VPC, permissions: [openInside] }],
        instanceTypes: [{ id: TYPE, maxEnis: 8, maxIpsPerEni: ADDRESSES_PER_INTERFACE }],
        instances: [INSTANCE, OTHER_INSTANCE].map((id, index) => ({
          id,
          name: `node-${index + 1}`,
          typeId: TYPE,
          vpcId: VPC,
          zoneId: ZONE,
        })),
        enis: [
          primary(INSTANCE, NODE_MAC, NODE_IP),
          primary(OTHER_INSTANCE, "00:16:3e:a0:00:02", "10.204.0.11"),
          {
            id: "eni-cello000000000001",
            name: "cello-eni-1",
            mac: "00:16:3e:c0:00:01",
            subnetId: HOSTS,
            primaryIp: "10.204.0.20",
            secondaryIps: ["10.204.0.21", "10.204.0.22"],
            securityGroupIds: [GROUP],
            instanceId: INSTANCE,
            tags: [{ Key: "k8s:cello:created-by", Value: "cello" }],
          },
        ],
      },
    ],
  };
}

const openInside = {
  Direction: "ingress" as const,
  Protocol: "all" as const,
  PortStart: -1,
  PortEnd: -1,
  CidrIp: "10.204.0.0/16",
};

const primary = (instanceId: string, mac: string, primaryIp: string) => ({
  id: `eni-of-${instanceId.slice(2)}`,
  type: "primary" as const,
  mac,
  subnetId: HOSTS,
  primaryIp,
  securityGroupIds: [GROUP],
  instanceId,
});
