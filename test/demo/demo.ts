// The demo: a node from nothing, a container and a virtual machine on it, the broker killed, the same addresses afterwards.
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { numberedSteps, seconds, type Steps } from "#test/demo/steps.ts";
import { dhcpClient, virtualMachine, type Tenant } from "#test/demo/tenant.ts";
import { startContainerd, type Container } from "#test/containerd/containerd.ts";
import { linkStockPlugins } from "#test/containerd/stock-plugins.ts";
import { brokerPaths, COCOON_IPAM, COCOON_NET, nodeEnvironment } from "#test/netns/broker.ts";
import { startBroker, type BrokerProcess } from "#test/netns/broker.ts";
import { joinByVeth, namespaces, type NetworkNamespace } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

const SUBNET = "10.88.100.0/24";
const GATEWAY = "10.88.100.1";
const BRIDGE = "cni0";
const STEPS = 11;
const WITH_VM = process.env["DEMO_VM"] !== "0";

type Node = {
  namespace: NetworkNamespace;
  folder: string;
  /** Runs cocoon-net on the node and gives what it printed. */
  cocoonNet(...parameters: string[]): Promise<string>;
};

type Tenants = { container: Container; tenant: Tenant };

async function demonstrate(steps: Steps): Promise<void> {
  await using folder = await temporaryFolder();
  await using net = await namespaces("node", "uplink");
  const node: Node = {
    namespace: net.node,
    folder: folder.path,
    cocoonNet: (...parameters) =>
      net.node.exec([COCOON_NET, ...parameters], { env: nodeEnvironment({ folder: folder.path }) }),
  };
  await steps.step("a node: a network namespace with an uplink", () => prepare(node, net.uplink));
  const adopt = ["adopt", "--platform", "local", "--subnet", SUBNET, "--node-name", "demo"];
  const adopted = await steps.step(`cocoon-net ${adopt.join(" ")}`, () => node.cocoonNet(...adopt));
  steps.show(adopted);
  await using broker = await steps.step("cocoon-net daemon, until it is ready", () =>
    startBroker({ namespace: net.node, folder: folder.path, bridge: BRIDGE }),
  );
  const paths = brokerPaths(folder.path);
  await using containerd = await steps.step("containerd, its CNI folders those of the node", () =>
    startContainerd({ ...node, conflists: paths.conflists, plugins: paths.plugins }),
  );
  const container = await steps.step("a container, by ctr run --cni through the conflist", () =>
    containerd.runContainer("demo"),
  );
  await using tenant = await steps.step(
    WITH_VM ? "a virtual machine boots on the bridge" : "a DHCP client joins the bridge",
    () => (WITH_VM ? virtualMachine : dhcpClient)({ ...node, bridge: BRIDGE }),
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
  node: Node,
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

/** A node has an uplink with a default route, as every real one; the plugins are where install would put them. */
async function prepare(node: Node, uplink: NetworkNamespace): Promise<void> {
  await joinByVeth(
    { namespace: node.namespace, link: "eth0" },
    { namespace: uplink, link: "demo0" },
  );
  await uplink.exec(["ip", "addr", "add", "192.0.2.1/24", "dev", "demo0"]);
  await node.namespace.exec(["ip", "addr", "add", "192.0.2.2/24", "dev", "eth0"]);
  await node.namespace.exec(["ip", "route", "add", "default", "via", "192.0.2.1"]);
  const { plugins, conflists, state } = brokerPaths(node.folder);
  for (const folder of [plugins, conflists, state]) {
    await mkdir(folder, { recursive: true });
  }
  await symlink(COCOON_IPAM, join(plugins, "cocoon-ipam"));
  await linkStockPlugins(plugins);
}

async function pingAll(
  { namespace }: Node,
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
