// The demo: a node from nothing, a container and a virtual machine on it, the broker killed, the same addresses afterwards.
import { numberedSteps, seconds, type Steps } from "#test/demo/steps.ts";
import { dhcpClient, virtualMachine, type Tenant } from "#test/demo/tenant.ts";
import { startContainerd, type Container } from "#test/containerd/containerd.ts";
import { startBroker, type BrokerProcess } from "#test/netns/broker.ts";
import { prepareNode, type LocalNode } from "#test/netns/local-node.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

const SUBNET = "10.88.100.0/24";
const GATEWAY = "10.88.100.1";
const STEPS = 11;
const WITH_VM = process.env["DEMO_VM"] !== "0";

type Tenants = { container: Container; tenant: Tenant };

async function demonstrate(steps: Steps): Promise<void> {
  await using folder = await temporaryFolder();
  await using net = await namespaces("node", "uplink");
  const node = await steps.step("a node: a network namespace with an uplink", () =>
    prepareNode({ namespace: net.node, uplink: net.uplink, folder: folder.path }),
  );
  const adopt = ["adopt", "--platform", "local", "--subnet", SUBNET, "--node-name", "demo"];
  const adopted = await steps.step(`cocoon-net ${adopt.join(" ")}`, () => node.cocoonNet(...adopt));
  steps.show(adopted);
  await using broker = await steps.step("cocoon-net daemon, until it is ready", () =>
    startBroker(node),
  );
  const { paths } = node;
  await using containerd = await steps.step("containerd, its CNI folders those of the node", () =>
    startContainerd({ ...node, conflists: paths.conflists, plugins: paths.plugins }),
  );
  const container = await steps.step("a container, by ctr run --cni through the conflist", () =>
    containerd.runContainer("demo"),
  );
  await using tenant = await steps.step(
    WITH_VM ? "a virtual machine boots on the bridge" : "a DHCP client joins the bridge",
    () => (WITH_VM ? virtualMachine : dhcpClient)({ ...node, bridge: node.bridge }),
  );
  await surviveKill(steps, node, broker, { container, tenant });
  await steps.step("all deleted: the container, the machine, the node (teardown)", async () => {
    await container.remove();
    await tenant[Symbol.asyncDispose]();
    await broker.stop();
    await node.cocoonNet("teardown");
  });
}

async function surviveKill(
  steps: Steps,
  node: LocalNode,
  broker: BrokerProcess,
  { container, tenant }: Tenants,
): Promise<void> {
  const before = await steps.step("pings: node, container and machine, every way", () =>
    pingAll(node, { container, tenant }),
  );
  steps.show(`container ${before.container}, ${tenant.kind} ${before.tenant}`);
  const pid = broker.pid();
  await steps.step(`kill -9 ${pid} (the broker); pings without it`, async () => {
    await broker.kill();
    await pingAll(node, { container, tenant });
  });
  await steps.step("cocoon-net daemon again, until it is ready", () => broker.start());
  const after = await steps.step(
    "the same addresses in status, in leases and on the wire",
    async () => {
      const status = await node.cocoonNet("status");
      const leases = await node.cocoonNet("leases");
      for (const ip of [before.container, before.tenant]) {
        if (!leases.includes(ip)) {
          throw new Error(`${ip} is not among the leases after the restart:\n${leases}`);
        }
      }
      const now = await pingAll(node, { container, tenant });
      if (now.container !== before.container || now.tenant !== before.tenant) {
        throw new Error(`addresses changed: ${JSON.stringify({ before, now })}`);
      }
      return { status, leases };
    },
  );
  steps.show(after.status);
  steps.show(after.leases);
}

async function pingAll(
  { namespace }: LocalNode,
  { container, tenant }: Tenants,
): Promise<{ container: string; tenant: string }> {
  const found = { container: await container.address(), tenant: await tenant.address() };
  for (const ip of [found.container, found.tenant]) {
    await namespace.exec(["ping", "-c", "1", "-W", "10", ip]);
  }
  await container.exec(["ping", "-c", "1", "-W", "10", found.tenant]);
  await tenant.ping(found.container);
  await tenant.ping(GATEWAY);
  return found;
}

// Process 1 of its namespace gets no signal that it does not ask for; its end is the end of all it started.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(130));
}
const steps = numberedSteps(STEPS);
try {
  await demonstrate(steps);
  console.log(`the demo is over after ${seconds(steps.elapsed())}; nothing of it is left`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error("demo: failed; the step above says where");
  process.exitCode = 1;
}
