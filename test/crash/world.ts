// One small node for the crash suite: a broker that can be told where to die, a guest's wire, a pod's namespace.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
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
import { Book, container } from "./book.ts";
import { buildDaemon } from "./build-daemon.ts";
import { CONTROL_VARIABLE, type Control, readLastWords, writeControl } from "./control.ts";
import { type GuestWire, openGuestWire } from "./guest-wire.ts";
import { NETWORK, type PluginCall, addressOf, callPlugin } from "./plugin.ts";
import type { Finished } from "#test/plugin/plugin-process.ts";

export const GATEWAY = "10.143.7.1";
const SUBNET = "10.143.7.0/24";
const mirrorRows = z.array(z.object({ mac: z.string(), ip: z.string(), expiry: z.string() }));
export type MirrorRow = z.infer<typeof mirrorRows>[number];

export interface World extends AsyncDisposable {
  readonly node: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly broker: BrokerProcess;
  readonly wire: GuestWire;
  readonly book: Book;
  readonly controlFolder: string;
  /** Tells the daemon where to die; undefined: nowhere. */
  arm(point: string | undefined): void;
  /** Lets the daemon's clock run ahead by so many milliseconds more. */
  advance(milliseconds: number): void;
  /** The point at which the daemon died since it was armed. */
  lastWords(): string | undefined;
  /** Runs the plugin; nothing is written into the book. */
  call(call: PluginCall): Promise<Finished>;
  /** ADD that must succeed, and its promise in the book. */
  add(id: string, network?: string): Promise<string>;
  readMirror(): Promise<readonly MirrorRow[]>;
  writeMirror(rows: readonly MirrorRow[]): Promise<void>;
}

export async function makeWorld(): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder()).path;
  const net = undo.use(await namespaces("node", "guest", "pod"));
  await joinByVeth(
    { namespace: net.node, link: "uplink0" },
    { namespace: net.pod, link: "uplink1" },
  );
  const controlFolder = join(folder, "control");
  const paths = brokerPaths(folder);
  for (const path of [controlFolder, paths.state, paths.conflists, paths.plugins])
    await mkdir(path);
  await writeFile(join(paths.state, "pool.json"), JSON.stringify(poolFile()));
  await addBridge(net.node, "cni0", `${GATEWAY}/24`);
  await joinByVeth(
    { namespace: net.node, link: "guest0", bridge: "cni0" },
    { namespace: net.guest, link: "eth0" },
  );
  let control: Control = { ahead: 0 };
  const command = (next: Control): void => writeControl(controlFolder, (control = next));
  command(control);
  const setting = { namespace: net.node, folder };
  const broker = undo.use(
    await startBroker({
      ...setting,
      command: [process.execPath, await buildDaemon()],
      env: {
        ...nodeEnvironment(setting),
        COCOON_NET_METRICS_ADDR: "",
        COCOON_NET_SKIP_IPTABLES: "true",
        [CONTROL_VARIABLE]: controlFolder,
      },
    }),
  );
  const wire = undo.use(await openGuestWire(net.guest, "eth0"));
  const book = new Book();
  const cleanUp = undo.move();
  const call = (what: PluginCall) => callPlugin(broker, net.pod.path, what);
  const mirror = join(paths.state, "leases.json");
  return {
    node: net.node,
    pod: net.pod,
    broker,
    wire,
    book,
    controlFolder,
    call,
    arm: (point) => command({ ahead: control.ahead, ...(point === undefined ? {} : { point }) }),
    advance: (milliseconds) => command({ ...control, ahead: control.ahead + milliseconds }),
    lastWords: () => readLastWords(controlFolder),
    async add(id, network = NETWORK) {
      const ip = addressOf(await call({ verb: "ADD", id, network }));
      book.held(container(id, network), ip);
      return ip;
    },
    async readMirror() {
      // None was written yet: it says nothing.
      const text = await readFile(mirror, "utf8").catch(() => "[]");
      return mirrorRows.parse(JSON.parse(text));
    },
    writeMirror: (rows) => writeFile(mirror, JSON.stringify(rows)),
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

function poolFile(): object {
  return {
    platform: "local",
    nodeName: "crash",
    subnet: SUBNET,
    gateway: GATEWAY,
    primaryNIC: "uplink0",
    secondaryNICs: [],
    updatedAt: "2026-01-01T00:00:00Z",
  };
}
