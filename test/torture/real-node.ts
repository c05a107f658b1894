// A node of real parts for the torture run: broker, plugin, socket and DHCP port in namespaces, a small pool, many who want of it.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Book } from "#test/crash/book.ts";
import { CONTROL_VARIABLE, writeControl } from "#test/crash/control.ts";
import { type GuestWire, openGuestWire } from "#test/crash/guest-wire.ts";
import {
  type BrokerProcess,
  brokerPaths,
  nodeEnvironment,
  startBroker,
} from "#test/netns/broker.ts";
import {
  type NetworkNamespace,
  addBridge,
  joinByVeth,
  namespaces,
} from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

export const GATEWAY = "10.203.64.1";
/** 29 addresses for more than twice as many. */
const SUBNET = "10.203.64.0/27";
export const SLOTS = 40;
export const GUESTS = 24;

export interface RealNode extends AsyncDisposable {
  readonly node: NetworkNamespace;
  readonly broker: BrokerProcess;
  readonly wire: GuestWire;
  /** Opens another wire in the place of the one of now. */
  renewWire(): Promise<void>;
  readonly book: Book;
  /** Each slot's containers live in a namespace of their own. */
  readonly pods: readonly NetworkNamespace[];
  /** Tells a daemon that can be told where to die. */
  arm(point: string | undefined): void;
}

/** `command` runs in the place of `cocoon-net daemon`; the shipped one when absent. */
export async function makeRealNode(command?: readonly string[]): Promise<RealNode> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder()).path;
  const net = undo.use(await namespaces("node", "guest"));
  const { node } = net;
  const paths = brokerPaths(folder);
  const control = join(folder, "control");
  for (const path of [control, paths.state, paths.conflists, paths.plugins]) await mkdir(path);
  await writeFile(join(paths.state, "pool.json"), JSON.stringify(poolFile()));
  await addBridge(node, "cni0", `${GATEWAY}/27`);
  await joinByVeth(
    { namespace: node, link: "guest0", bridge: "cni0" },
    { namespace: net.guest, link: "eth0" },
  );
  await joinByVeth({ namespace: node, link: "uplink0" }, { namespace: net.guest, link: "uplink1" });
  const pods: NetworkNamespace[] = [];
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const made = undo.use(await namespaces("pod"));
    await joinByVeth(
      { namespace: node, link: `pod${slot}`, bridge: "cni0" },
      { namespace: made.pod, link: "eth0" },
    );
    pods.push(made.pod);
  }
  const arm = (point: string | undefined): void =>
    writeControl(control, { ahead: 0, ...(point === undefined ? {} : { point }) });
  arm(undefined);
  const setting = { namespace: node, folder };
  const broker = undo.use(
    await startBroker({
      ...setting,
      ...(command === undefined ? {} : { command }),
      env: {
        ...nodeEnvironment(setting),
        COCOON_NET_METRICS_ADDR: "",
        COCOON_NET_SKIP_IPTABLES: "true",
        [CONTROL_VARIABLE]: control,
      },
    }),
  );
  let wire = await openGuestWire(net.guest, "eth0");
  undo.defer(() => wire[Symbol.asyncDispose]());
  const cleanUp = undo.move();
  return {
    node,
    broker,
    get wire() {
      return wire;
    },
    async renewWire() {
      await wire[Symbol.asyncDispose]();
      wire = await openGuestWire(net.guest, "eth0");
    },
    book: new Book(),
    pods,
    arm,
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

const poolFile = (): object => ({
  platform: "local",
  nodeName: "torture",
  subnet: SUBNET,
  gateway: GATEWAY,
  primaryNIC: "uplink0",
  secondaryNICs: [],
  updatedAt: "2026-01-01T00:00:00Z",
});
