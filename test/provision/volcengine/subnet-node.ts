// A node whose subnet is there already, and interfaces that somebody left in it.

import { FakeVolcengine } from "#test/clouds/volcengine/fake.ts";
import {
  GROUP,
  NODES,
  VPC,
  ZONE,
  standardScenario,
} from "#test/clouds/volcengine/standard-scenario.ts";
import { PROMPT, joinNode, type openNode } from "./node.ts";

export const SUBNET = "subnet-handmade0000001";
export const tags = (node: string, instance: string) => [
  { Key: "cocoon:managed-by", Value: "cocoon-net" },
  { Key: "cocoon:node", Value: node },
  { Key: "cocoon:instance", Value: instance },
];

/** A subnet with that block that somebody made before. */
export async function openWithSubnet(
  change: object = {},
  options: Parameters<typeof openNode>[0] = {},
) {
  const scenario = standardScenario({ settings: PROMPT, ...options });
  scenario.regions[0]?.subnets?.push({
    id: SUBNET,
    vpcId: VPC,
    zoneId: ZONE,
    cidr: "172.20.100.0/24",
    ...change,
  });
  const fake = new FakeVolcengine(scenario);
  const api = await fake.listen();
  const node = await joinNode(fake, api.url, options);
  return {
    ...node,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

export const orphan = (change: object = {}) => ({
  kind: "add-eni",
  eni: {
    id: "eni-orphan00000000001",
    name: "cocoon-node-1-2",
    mac: "00:16:3e:0f:00:01",
    subnetId: SUBNET,
    primaryIp: "172.20.100.200",
    secondaryIps: ["172.20.100.201"],
    securityGroupIds: [GROUP],
    tags: tags("node-1", NODES[0]),
    ...change,
  },
});
