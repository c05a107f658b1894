// The node of the containerd run: machine, broker and containerd with a pool that is smaller than what is asked of it.

import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { CONTROL_VARIABLE, writeControl } from "#test/crash/control.ts";
import { buildDaemon } from "#test/crash/build-daemon.ts";
import { type BrokerProcess, nodeEnvironment, startBroker } from "#test/netns/broker.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import type { Mac } from "#core/address.ts";
import { type GuestWire, openGuestWire } from "#test/crash/guest-wire.ts";
import { joinByVeth, namespaces } from "#test/netns/namespaces.ts";
import { type Machine, makeMachine } from "./containerd-machine.ts";
import { type Runtime, makeRuntime } from "./containerd-runtime.ts";

/** Runs side by side have other addresses: a broker sees every namespace of the machine, and what lives there it frees nowhere. */
const PREFIX = `10.132.${process.pid % 256}`;
const BASE = 8 * ((process.pid >> 8) % 32);
/** Five addresses for eight pods and a guest. */
const SUBNET = `${PREFIX}.${BASE}/29`;
const GATEWAY = `${PREFIX}.${BASE + 1}`;
const GUEST_MAC = "02:cb:40:00:01:01" as Mac;
const GUEST_PORT = "guest0";
const CONFLIST = "29-cocoon-net.conflist";

export interface ContainerdNode extends AsyncDisposable {
  readonly machine: Machine;
  readonly broker: BrokerProcess;
  readonly runtime: Runtime;
  /** Tells the broker where to die; nowhere when undefined. */
  arm(point: string | undefined): void;
  /** Puts the broker's clock on, in milliseconds, for good. */
  later(milliseconds: number): void;
  /** A change of a link, as any node has some: the broker looks at its leases soon. */
  poke(): Promise<void>;
  /** A DHCP guest beside the pods asks for an address, or anew for the one it has; gives what it was told. */
  guestAsks(): Promise<string>;
}

/** The broker is the one that ships, but for a clock that can be put on and a point at which it is told to die. */
export async function makeContainerdNode(): Promise<ContainerdNode> {
  await using undo = new AsyncDisposableStack();
  const machine = undo.use(await makeMachine(SUBNET));
  const { node, place } = machine;
  const control = join(node.folder, "control");
  await mkdir(control);
  let ahead = 0;
  const arm = (point: string | undefined): void =>
    writeControl(control, { ahead, ...(point === undefined ? {} : { point }) });
  arm(undefined);
  const broker = undo.use(
    await startBroker({
      namespace: place,
      folder: node.folder,
      command: [process.execPath, await buildDaemon()],
      env: {
        ...nodeEnvironment(node),
        COCOON_NET_METRICS_ADDR: "",
        COCOON_NET_SKIP_IPTABLES: "true",
        [CONTROL_VARIABLE]: control,
      },
    }),
  );
  await waitFor(async () => (await readdir(node.paths.conflists)).includes(CONFLIST), {
    what: CONFLIST,
  });
  const net = undo.use(await namespaces("guest"));
  const port = { namespace: node.namespace, link: GUEST_PORT };
  await joinByVeth(port, { namespace: net.guest, link: "eth0", mac: GUEST_MAC });
  const guest = guestOn(undo.use(await openGuestWire(net.guest, "eth0")));
  const runtime = undo.use(await makeRuntime(machine));
  await runtime.start();
  const cleanUp = undo.move();
  return {
    machine,
    broker,
    runtime,
    arm,
    later(milliseconds) {
      ahead += milliseconds;
      arm(undefined);
    },
    async poke() {
      await place.exec(["ip", "link", "add", "poke0", "type", "veth"]);
      await place.exec(["ip", "link", "del", "poke0"]);
    },
    async guestAsks() {
      // A reboot takes the bridge away, and its guest's port with it.
      await place.exec(["ip", "link", "set", GUEST_PORT, "master", node.bridge]);
      return guest();
    },
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

function guestOn(wire: GuestWire): () => Promise<string> {
  let held: string | undefined;
  const mac = GUEST_MAC;
  return async () => {
    const asked = held ?? (await wire.ask({ type: "discover", mac })).ip;
    const how = held === undefined ? { requested: asked, serverId: GATEWAY } : { ciaddr: asked };
    const { type, ip } = await wire.ask({ type: "request", mac, ...how }, held);
    if (type !== "ack" || ip !== asked) throw new Error(`the guest of ${asked} was told ${type}`);
    held = ip;
    return ip;
  };
}
