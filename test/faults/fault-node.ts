// A node of the built command for one fault: broker, guest's wire and pod's namespace, with a hand in its folders.

import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Book, container, guest } from "#test/crash/book.ts";
import { type GuestWire, openGuestWire } from "#test/crash/guest-wire.ts";
import { contradictions } from "#test/crash/oracle.ts";

import { NETWORK, type PluginCall, addressOf, callPlugin } from "#test/crash/plugin.ts";
import {
  COCOON_IPAM,
  type BrokerPaths,
  type BrokerProcess,
  brokerPaths,
  nodeEnvironment,
  startBroker,
} from "#test/netns/broker.ts";
import { type NetworkNamespace, joinByVeth, namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import type { Finished } from "#test/plugin/plugin-process.ts";
import type { Mac } from "#core/address.ts";

const STOCK_PLUGINS = "/usr/lib/cni";
export const GATEWAY = "10.144.7.1";

export interface FaultNodeSetting {
  /** 10.144.7.0/24 when absent. */
  readonly subnet?: string;
  /** The whole of pool.json, in the place of the usual one. */
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly flags?: readonly string[];
  readonly env?: Record<string, string>;
  readonly command?: readonly string[];
  /** Runs when the folders are there and before the broker starts. */
  readonly before?: (
    paths: BrokerPaths,
    undo: AsyncDisposableStack,
    node: NetworkNamespace,
  ) => Promise<void>;
}

export interface FaultNode extends AsyncDisposable {
  readonly node: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly broker: BrokerProcess;
  readonly folder: string;
  readonly wire: GuestWire;
  readonly book: Book;
  call(call: PluginCall): Promise<Finished>;
  add(id: string): Promise<string>;
  del(id: string): Promise<void>;
  /** Compares what the ADD promised with what the broker says of it. */
  check(id: string): Promise<Finished>;
  /** A guest's whole exchange. */
  lease(mac: Mac): Promise<string>;
  /** A guest comes back after a restart and asks for the address it had. */
  reclaim(mac: Mac): Promise<string>;
  /** Waits until ledger, kernel and promises agree; throws what they contradict each other in. */
  agree(limit?: number): Promise<void>;
}

/** The settings of a node whose pool is the whole subnet. */
export function poolFile(subnet = "10.144.7.0/24"): Record<string, unknown> {
  return {
    platform: "local",
    nodeName: "fault",
    subnet,
    gateway: GATEWAY,
    primaryNIC: "uplink0",
    secondaryNICs: [],
    dnsServers: ["10.144.7.1"],
    updatedAt: "2026-01-01T00:00:00Z",
  };
}

export async function makeFaultNode(setting: FaultNodeSetting = {}): Promise<FaultNode> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder()).path;
  const net = undo.use(await namespaces("node", "guest", "pod"));
  await joinByVeth(
    { namespace: net.node, link: "uplink0" },
    { namespace: net.pod, link: "uplink1" },
  );
  const paths = brokerPaths(folder);
  for (const path of [paths.state, paths.conflists, paths.plugins]) await mkdir(path);
  await cp(join(STOCK_PLUGINS, "bridge"), join(paths.plugins, "bridge"));
  await cp(COCOON_IPAM, join(paths.plugins, "cocoon-ipam"));
  await setting.before?.(paths, undo, net.node);
  await writeFile(
    join(paths.state, "pool.json"),
    JSON.stringify(setting.pool ?? poolFile(setting.subnet)),
  );
  const { flags = ["--skip-iptables"], command, env } = setting;
  const broker = undo.use(
    await startBroker({
      namespace: net.node,
      folder,
      flags,
      ...(command === undefined ? {} : { command }),
      env: { ...nodeEnvironment({ folder }), COCOON_NET_METRICS_ADDR: "", ...env },
    }),
  );
  await joinByVeth(
    { namespace: net.node, link: "guest0", bridge: "cni0" },
    { namespace: net.guest, link: "eth0" },
  );
  const wire = undo.use(await openGuestWire(net.guest, "eth0"));
  const cleanUp = undo.move();
  return {
    ...actions({ broker, wire, pod: net.pod, node: net.node, book: new Book() }),
    folder,
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

type Given = Pick<FaultNode, "broker" | "wire" | "pod" | "node" | "book">;

function actions(given: Given): Omit<FaultNode, "folder" | typeof Symbol.asyncDispose> {
  const { broker, wire, pod, book } = given;
  const call = (what: PluginCall) => callPlugin(broker, pod.path, what);
  const bind = async (mac: Mac, requested: string, more: object): Promise<string> => {
    const answer = await wire.ask({ type: "request", mac, requested, ...more });
    if (answer.type !== "ack") throw new Error(`${mac} asked for ${requested}: ${answer.type}`);
    book.held(guest(mac), answer.ip);
    return answer.ip;
  };
  return {
    ...given,
    call,
    async add(id) {
      const ip = addressOf(await call({ verb: "ADD", id }));
      book.held(container(id, NETWORK), ip);
      return ip;
    },
    async del(id) {
      const done = await call({ verb: "DEL", id });
      if (done.code !== 0) throw new Error(`DEL failed: ${done.stdout}`);
      book.gone(container(id, NETWORK));
    },
    check(id) {
      const address = `${book.ipOf(container(id, NETWORK))}/24`;
      const prevResult = { cniVersion: "1.1.0", ips: [{ address }] };
      return call({ verb: "CHECK", id, conf: { prevResult } });
    },
    async lease(mac) {
      const { ip } = await wire.ask({ type: "discover", mac });
      return bind(mac, ip, { serverId: GATEWAY });
    },
    reclaim: (mac) => bind(mac, book.ipOf(guest(mac)), {}),
    async agree(limit = 10_000) {
      let found: readonly string[] = [];
      await waitFor(async () => (found = await contradictions(given)).length === 0, {
        limit,
        what: "ledger, kernel and promises to agree",
      }).catch((cause: unknown) => {
        throw new Error(`${found.join("\n")}\n${broker.logs().slice(-2_000)}`, { cause });
      });
    },
  };
}

/** The error that a failed call printed; throws when it did not fail. */
export function refusalOf({ code, stdout }: Finished): {
  code: number;
  msg: string;
  details: string;
} {
  if (code === 0) throw new Error(`succeeded instead of failing: ${stdout}`);
  return JSON.parse(stdout) as { code: number; msg: string; details: string };
}
