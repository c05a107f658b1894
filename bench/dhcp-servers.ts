// The DHCP servers that compete: each in a namespace of its own, on a bridge of its own, with nothing leased yet.

import { readFile, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  addBridge,
  joinByVeth,
  type NetworkNamespace,
  namespaces,
} from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { BRIDGE, type BenchNodeOptions, GATEWAY, startNode } from "./node.ts";

/** The guests' end of the veth pair whose other end is a port of the bridge. */
export const GUEST_LINK = "eth0";
const PORT_LINK = "guest0";
/** All guests of a trial are behind one port, which ours gives few addresses unless told otherwise. */
const MANY_GUESTS = { COCOON_NET_DHCP_LEASES_PER_PORT: "0" };
export const PREFIX_LENGTH = 15;
const KEA = "kea-dhcp4";

export type Counters = Readonly<Record<string, number>>;

export interface DhcpServer extends AsyncDisposable {
  readonly pid: number;
  /** Where it serves {@link BRIDGE}. */
  readonly node: NetworkNamespace;
  /** Where {@link GUEST_LINK} is. */
  readonly guests: NetworkNamespace;
  /** What the server and its sockets counted since they began. */
  counters(): Promise<Counters>;
}

export interface DhcpContestant {
  readonly name: string;
  start(options: { readonly relay: boolean }): Promise<DhcpServer>;
}

export const contestants: readonly DhcpContestant[] = [
  ours("cocoon-net"),
  { name: "Kea", start: startKea },
];
/** Answers after the write and syncs within 100 ms; not held against anyone's promise. */
export const relaxed: DhcpContestant = ours("cocoon-net, relaxed", {
  env: { COCOON_NET_DURABILITY: "relaxed" },
});

/** The product as built in `dist` (this checkout's when absent), with more in its environment. */
export function ours(name: string, build: BenchNodeOptions = {}): DhcpContestant {
  return { name, start: ({ relay }) => startOurs(relay, build) };
}

async function startOurs(relay: boolean, build: BenchNodeOptions): Promise<DhcpServer> {
  await using undo = new AsyncDisposableStack();
  const relaying = relay ? { COCOON_NET_DHCP_ALLOW_RELAY: "true" } : {};
  const node = undo.use(
    await startNode({ ...build, env: { ...MANY_GUESTS, ...relaying, ...build.env } }),
  );
  await plugIn(node.namespace, node.containers);
  const kept = undo.move();
  return {
    pid: node.broker.pid(),
    node: node.namespace,
    guests: node.containers,
    async counters() {
      const { body } = await node.broker.ask("GET", "/metrics");
      const lines = String(body).matchAll(
        /^(cocoon_net_(?:dhcp|commit|events)\w*(?:\{[^}]*\})?) (\d+)$/gm,
      );
      const own = [...lines]
        .filter(([, name]) => name?.includes("_bucket") === false)
        .map(([, name, value]): [string, number] => [name ?? "", Number(value)]);
      return { ...Object.fromEntries(own), ...(await socketDrops(node.namespace)) };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function startKea(): Promise<DhcpServer> {
  await using undo = new AsyncDisposableStack();
  const { path: folder } = undo.use(await temporaryFolder());
  const net = undo.use(await namespaces("node", "guests"));
  await addBridge(net.node, BRIDGE, `${GATEWAY}/${PREFIX_LENGTH}`);
  await plugIn(net.node, net.guests);
  const control = join(folder, "kea.sock");
  const committed = await readFile(join(import.meta.dirname, "kea-dhcp4.json"), "utf8");
  const conf = committed
    .replace('"kea.sock"', JSON.stringify(control))
    .replace('"kea-leases4.csv"', JSON.stringify(join(folder, "kea-leases4.csv")));
  await writeFile(join(folder, "kea.json"), conf);
  const env = { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder };
  const server = undo.use(net.node.spawn([KEA, "-c", join(folder, "kea.json")], { env }));
  await waitFor(
    () => {
      if (server.exit() !== undefined) throw new Error(`Kea ended:\n${server.stderr()}`);
      return askKea(control, "status-get").then(
        () => true,
        () => false,
      );
    },
    { what: "Kea's control socket" },
  );
  const kept = undo.move();
  return {
    pid: server.pid,
    node: net.node,
    guests: net.guests,
    counters: async () => ({
      ...keaCounters(await askKea(control, "statistic-get-all")),
      ...(await socketDrops(net.node)),
    }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Gives the guests a port of the server's bridge. */
export async function plugIn(node: NetworkNamespace, guests: NetworkNamespace): Promise<void> {
  await joinByVeth(
    { namespace: node, link: PORT_LINK, bridge: BRIDGE },
    { namespace: guests, link: GUEST_LINK },
  );
}

async function askKea(control: string, command: string): Promise<string> {
  const connection = createConnection(control);
  connection.end(JSON.stringify({ command }));
  return text(connection);
}

/** The newest value of each statistic that counts packets or addresses. */
function keaCounters(answer: string): Counters {
  const { arguments: statistics }: { arguments: Record<string, [[number]]> } = JSON.parse(answer);
  const wanted =
    /^pkt4-(?:discover-received|offer-sent|request-received|ack-sent|nak-sent|receive-drop)$|^cumulative-assigned-addresses$/;
  const rows = Object.entries(statistics).filter(([name]) => wanted.test(name));
  return Object.fromEntries(rows.map(([name, [[newest]]]) => [name, newest]));
}

/** Packets that the kernel dropped because a socket's receive buffer was full. */
export async function socketDrops(namespace: NetworkNamespace): Promise<Counters> {
  const drops = async (family: string): Promise<number> => {
    const sockets = await namespace.exec(["ss", "-H", "-a", "-n", "-m", family]);
    const counts = [...sockets.matchAll(/\bd(\d+)\)/g)].map((match) => Number(match[1]));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  return {
    "UDP sockets, dropped": await drops("-u"),
    "packet sockets, dropped": await drops("-0"),
  };
}
