// A node on the fake GKE: what is aliased to its NIC is routed to it.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ALL_PERMISSIONS, type Scenario } from "#test/clouds/gce/scenario.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { makeCloudNode } from "./cloud-node.ts";
import { startFakeCloud } from "./fake-cloud.ts";
import { follow } from "./follow.ts";
import { layVpc, PRIMARY_LINK } from "./vpc.ts";
import { cloudMain, type World } from "./world.ts";

const METADATA = "169.254.169.254";
const ROUTER = "10.205.0.1";
const NODE_IP = "10.205.0.2";
const NODE_MAC = "42:01:0a:cd:00:02";
const PEER = "10.205.0.200";
export const GKE_NODE = "gke-demo-pool-1";
export const OTHER_GKE_NODE = "gke-demo-pool-2";
export const GKE_SUBNET = "10.205.100.0/24";
export const PROJECT = "demo-project";

export type GkeOptions = {
  readonly scenario?: Partial<Scenario>;
  /** Of the usual init; 6 when absent. */
  readonly poolSize?: number;
};

const changeSchema = z.object({
  kind: z.string(),
  networkIP: z.optional(z.string()),
  added: z.optional(z.array(z.string())),
  removed: z.optional(z.array(z.string())),
});
const auditSchema = z.record(z.string(), z.array(z.string()));

export async function openGkeWorld(options: GkeOptions = {}): Promise<World> {
  const { poolSize = 6 } = options;
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder()).path;
  const net = undo.use(await namespaces("node", "vpc"));
  const plan = { router: `${ROUTER}/20`, host: PEER, metadata: METADATA };
  await layVpc({ ...plan, nodeAddress: NODE_IP, nodeMac: NODE_MAC }, net.node, net.vpc);
  const state = join(folder, "scenario.json");
  await writeFile(state, JSON.stringify({ ...gkeTestScenario(), ...options.scenario }));
  const listen = ["--api", `${ROUTER}:8080`, "--metadata", `${GKE_NODE}=${METADATA}:80`];
  const fake = undo.use(
    await startFakeCloud({
      namespace: net.vpc,
      folder,
      command: [cloudMain("gce"), "--state", state, ...listen],
    }),
  );
  const route = async (verb: string, range: string) =>
    void (await net.vpc.exec(["ip", "route", verb, range, "via", NODE_IP, "dev", PRIMARY_LINK]));
  const follower = undo.use(
    follow(fake, async (change) => {
      const { networkIP, added = [], removed = [] } = changeSchema.parse(change);
      if (networkIP !== NODE_IP) return;
      for (const range of added) await route("replace", range);
      for (const range of removed) await route("del", range);
    }),
  );
  const node = await makeCloudNode({
    namespace: net.node,
    folder,
    env: { CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: `http://${ROUTER}:8080` },
  });
  const cleanUp = undo.move();
  return {
    platform: "gke",
    node,
    fake,
    vpc: net.vpc,
    subnet: GKE_SUBNET,
    host: PEER,
    nodeAddress: NODE_IP,
    poolSize,
    init: ["init", "--platform", "gke", "--subnet", GKE_SUBNET, "--pool-size", `${poolSize}`],
    leftovers: async () => leftoversOf(await fake.audit()),
    check: () => follower.check(),
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

/** The secondary range is every node's: it may stay. */
function leftoversOf(audit: unknown): readonly string[] {
  return Object.entries(auditSchema.parse(audit))
    .filter(([finding]) => finding !== "rangesAdded")
    .flatMap(([finding, things]) => things.map((thing) => `${finding}: ${thing}`));
}

const instance = (name: string, number: number, mac: string) => ({
  name,
  zone: "us-central1-a",
  id: `72340172838076${number}00`,
  canIpForward: true,
  networkInterfaces: [
    {
      networkIP: `10.205.0.${number + 1}`,
      subnetwork: "nodes",
      mac,
      aliasIpRanges: [
        { ipCidrRange: `10.205.${63 + number}.0/24`, subnetworkRangeName: "gke-demo-pods" },
      ],
    },
  ],
});

/** Two nodes, each with its pod range as GKE gives it, which is not ours. */
function gkeTestScenario(): Scenario {
  return {
    project: PROJECT,
    projectNumber: "271828182845",
    network: "demo",
    zones: ["us-central1-a", "us-central1-b"],
    subnetworks: [
      {
        name: "nodes",
        region: "us-central1",
        ipCidrRange: "10.205.0.0/20",
        secondaryIpRanges: [
          { rangeName: "gke-demo-pods", ipCidrRange: "10.205.64.0/19" },
          { rangeName: "gke-demo-services", ipCidrRange: "10.205.32.0/20" },
        ],
      },
    ],
    instances: [instance(GKE_NODE, 1, NODE_MAC), instance(OTHER_GKE_NODE, 2, "42:01:0a:cd:00:03")],
    permissions: { [PROJECT]: ALL_PERMISSIONS },
  };
}
