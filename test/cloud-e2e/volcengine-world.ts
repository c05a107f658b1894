// A node on the fake Volcengine: its interfaces come and go as links of its namespace.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ScenarioInput } from "#test/clouds/volcengine/scenario.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { makeCloudNode } from "./cloud-node.ts";
import { startFakeCloud } from "./fake-cloud.ts";
import { follow } from "./follow.ts";
import { addresses, layVpc, plugInterface, unplugInterface } from "./vpc.ts";
import {
  ACCESS_KEY,
  HOSTS_ROUTER,
  INSTANCE,
  METADATA,
  NODE_IP,
  NODE_MAC,
  PEER,
  SECRET_KEY,
  SUBNET,
  SUBNET_ROUTER,
  type Settings,
  volcengineScenario,
} from "./volcengine-scenario.ts";
import { cloudMain, type World } from "./world.ts";

export type VolcengineOptions = {
  /** Replaces parts of the scenario's settings. */
  readonly settings?: Settings;
  /** Of the usual init; 6, which is two interfaces, when absent. */
  readonly poolSize?: number;
  /** Changes the scenario before the fake starts with it. */
  readonly scenario?: (scenario: ScenarioInput) => ScenarioInput;
};

const changeSchema = z.object({
  kind: z.enum(["attach", "detach"]),
  eni: z.string(),
  mac: z.string(),
  secondaryIps: z.array(z.string()),
});
const auditSchema = z.object({
  enisLeft: z.array(z.object({ id: z.string(), name: z.string(), status: z.string() })),
  subnetsLeft: z.array(z.object({ id: z.string(), cidr: z.string() })),
  lost: z.array(z.string()),
  changed: z.array(z.string()),
});

export async function openVolcengineWorld(options: VolcengineOptions = {}): Promise<World> {
  const { poolSize = 6 } = options;
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder()).path;
  const net = undo.use(await namespaces("node", "vpc"));
  const plan = { router: `${HOSTS_ROUTER}/20`, host: PEER, metadata: METADATA };
  await layVpc({ ...plan, nodeAddress: NODE_IP, nodeMac: NODE_MAC }, net.node, net.vpc);
  await addresses(net.vpc, SUBNET_ROUTER);
  const scenario = volcengineScenario(options.settings ?? {});
  const state = join(folder, "scenario.json");
  await writeFile(state, JSON.stringify(options.scenario?.(scenario) ?? scenario));
  const listen = ["--listen", `${HOSTS_ROUTER}:8080`, "--metadata", `${INSTANCE}=${METADATA}:80`];
  const fake = undo.use(
    await startFakeCloud({
      namespace: net.vpc,
      folder,
      command: [cloudMain("volcengine"), "--state", state, ...listen],
    }),
  );
  let plugged = 0;
  const follower = undo.use(
    follow(fake, async (change) => {
      const { kind, eni, mac, secondaryIps } = changeSchema.parse(change);
      if (kind === "detach") return unplugInterface({ mac }, net.vpc);
      plugged += 1;
      // Names follow the order of attaching, not the slots: provisioning must not rely on them.
      const nic = { id: eni, mac, ips: secondaryIps };
      return plugInterface(nic, `ens${9 - (plugged % 9)}p${plugged}`, net.node, net.vpc);
    }),
  );
  const node = await makeCloudNode({
    namespace: net.node,
    folder,
    env: {
      VOLCENGINE_ENDPOINT: `http://${HOSTS_ROUTER}:8080`,
      VOLCENGINE_ACCESS_KEY_ID: ACCESS_KEY,
      VOLCENGINE_SECRET_ACCESS_KEY: SECRET_KEY,
    },
  });
  const cleanUp = undo.move();
  return {
    platform: "volcengine",
    node,
    fake,
    vpc: net.vpc,
    subnet: SUBNET,
    host: PEER,
    nodeAddress: NODE_IP,
    poolSize,
    init: ["init", "--platform", "volcengine", "--subnet", SUBNET, "--pool-size", `${poolSize}`],
    leftovers: async () => leftoversOf(await fake.audit()),
    check: () => follower.check(),
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

function leftoversOf(audit: unknown): readonly string[] {
  const { enisLeft, subnetsLeft, lost, changed } = auditSchema.parse(audit);
  return [
    ...enisLeft.map(({ id, name, status }) => `interface ${id} ${name} is left, ${status}`),
    ...subnetsLeft.map(({ id, cidr }) => `subnet ${id} ${cidr} is left`),
    ...lost.map((id) => `foreign ${id} is gone`),
    ...changed.map((what) => `foreign ${what}`),
  ];
}
