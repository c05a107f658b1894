// A whole node for one test: adopted, its broker serving, asked through its socket and its commands.
import { readdir } from "node:fs/promises";
import { type LeaseAnswer, leasesAnswer, statusAnswer } from "#broker/api/contract.ts";
import type { StatusAnswer } from "#broker/api/contract.ts";
import { startBroker, type BrokerProcess } from "#test/netns/broker.ts";
import { type LocalNode, prepareNode } from "#test/netns/local-node.ts";
import { joinByVeth, namespaces, type NetworkNamespace } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";

export const CONTAINER_CONFLIST = "29-cocoon-net.conflist";
export const GUEST_CONFLIST = "30-cocoon-dhcp.conflist";
export const SUBNET = "10.94.0.0/24";
export const GATEWAY = "10.94.0.1";
/** Not the usual 1500, so that a size that is merely usual does not pass for the right one. */
export const MTU = 1460;

export type NodeSetting = {
  /** Further flags of `adopt`. */
  adopt?: readonly string[];
  /** Further flags of `daemon`. */
  daemon?: readonly string[];
  bridge?: string;
  /** Done to the namespace before the broker is first started. */
  prepare?: (namespace: NetworkNamespace) => Promise<void>;
};

export type Guest = { readonly namespace: NetworkNamespace; readonly mac: string };

export type TestNode = AsyncDisposable &
  LocalNode & {
    readonly uplink: NetworkNamespace;
    readonly broker: BrokerProcess;
    /** A namespace with eth0 on the bridge, as a guest's network card. */
    plugGuest(name: string, mac: string): Promise<Guest>;
    leases(): Promise<LeaseAnswer[]>;
    /** The lease of an address; undefined when it is free. */
    lease(ip: string): Promise<LeaseAnswer | undefined>;
    status(): Promise<StatusAnswer>;
    /** What the kernel says of the address's own route; empty when there is none. */
    routeOf(ip: string): Promise<string>;
  };

/** Makes namespaces, adopts, starts the broker and waits until it serves. */
export async function startNode(setting: NodeSetting = {}): Promise<TestNode> {
  await using undo = new AsyncDisposableStack();
  const adopted = undo.use(await adoptedNode(setting));
  const { node } = adopted;
  const flags = setting.daemon ?? [];
  const broker = undo.use(await startBroker({ ...node, flags }));
  // Whoever is told that the node is ready may send a pod.
  if (!(await readdir(node.paths.conflists)).includes(CONTAINER_CONFLIST))
    throw new Error(`the broker is ready without ${CONTAINER_CONFLIST}:\n${broker.logs()}`);
  const leases = async (): Promise<LeaseAnswer[]> =>
    leasesAnswer.parse((await broker.ask("GET", "/v1/leases")).body).leases;
  let plugged = 0;
  const cleanUp = undo.move();
  return {
    ...node,
    uplink: adopted.uplink,
    broker,
    leases,
    lease: async (ip) => (await leases()).find((lease) => lease.ip === ip),
    status: async () => statusAnswer.parse((await broker.ask("GET", "/v1/status")).body),
    routeOf: (ip) => node.namespace.exec(["ip", "-4", "route", "show", "exact", `${ip}/32`]),
    async plugGuest(name, mac) {
      plugged += 1;
      const made = cleanUp.use(await namespaces(name));
      const namespace = made[name];
      if (namespace === undefined) throw new Error(`no namespace ${name} was made`);
      await joinByVeth(
        { namespace: node.namespace, link: `guest${plugged}`, bridge: node.bridge },
        { namespace, link: "eth0", mac },
      );
      return { namespace, mac };
    },
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

/** A node that was adopted and on which nothing of ours runs. */
export async function adoptedNode(
  setting: NodeSetting = {},
): Promise<AsyncDisposable & { node: LocalNode; uplink: NetworkNamespace }> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder());
  const net = undo.use(await namespaces("node", "uplink"));
  const node = await prepareNode({
    namespace: net.node,
    uplink: net.uplink,
    folder: folder.path,
    mtu: MTU,
    ...(setting.bridge === undefined ? {} : { bridge: setting.bridge }),
  });
  await setting.prepare?.(net.node);
  const adopt = ["adopt", "--platform", "local", "--subnet", SUBNET, "--node-name", "node"];
  await node.cocoonNet(...adopt, ...(setting.adopt ?? []));
  const cleanUp = undo.move();
  return { node, uplink: net.uplink, [Symbol.asyncDispose]: () => cleanUp.disposeAsync() };
}

/** Waits until the address has this state; `free` means that nobody holds it. */
export async function waitForState(
  node: Pick<TestNode, "leases">,
  ip: string,
  state: LeaseAnswer["state"],
): Promise<void> {
  await waitFor(
    async () => {
      const lease = (await node.leases()).find((one) => one.ip === ip);
      return (lease?.state ?? "free") === state;
    },
    { what: `${ip} to be ${state}` },
  );
}

/** Pings once with packets of `size` bytes, IP header included, that must not be fragmented. */
export const pingWhole = (ip: string, size: number): readonly string[] => {
  const headers = 28;
  return ["ping", "-M", "do", "-s", String(size - headers), "-c", "1", "-W", "10", ip];
};

export const ping = (ip: string): readonly string[] => ["ping", "-c", "1", "-W", "10", ip];
