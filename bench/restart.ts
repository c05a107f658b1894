// How long a killed broker is away: process start to READY=1, with its routes still standing and with them gone.

import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import unixDgram from "unix-dgram";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import type { Bench } from "./bench.ts";
import { fill } from "./client.ts";
import { type Findings, type Measurement, measurement, single } from "./measure.ts";
import { BRIDGE, type BenchNode, startNode } from "./node.ts";

const LEASES = [0, 140, 65_536];
const QUICK_LEASES = [10];
const REPEATS = 5;
const QUICK_REPEATS = 1;
/** Between two looks at the number of routes: looking costs the broker time. */
const LOOK_MS = 50;
const ROUTES_LIMIT_MS = 60_000;
/** After READY=1 the broker still writes its mirror and checks its routes; the next kill waits for that. */
const SETTLE_MS = 2_000;

/** The times of one restart in milliseconds from the process's start. */
export interface Restart {
  readonly ready: number;
  /** Until every host route stood. */
  readonly routed: number;
}

export const restartBench: Bench = {
  name: "restart",
  title: "Broker restart after SIGKILL",
  async measure({ quick, progress }): Promise<Findings> {
    await using folder = await temporaryFolder();
    using listener = listenForReady(join(folder.path, "notify"));
    await using node = await startNode({ env: { NOTIFY_SOCKET: listener.path } });
    const measurements: Measurement[] = [];
    let held = 0;
    for (const leases of quick ? QUICK_LEASES : LEASES) {
      progress(`${leases} leases: filling`);
      await fill(node, held, leases);
      held = leases;
      for (const routes of ["intact", "gone"] as const) {
        const restarts: Restart[] = [];
        for (let repeat = 0; repeat < (quick ? QUICK_REPEATS : REPEATS); repeat += 1) {
          progress(`${leases} leases, routes ${routes}: restart ${repeat + 1}`);
          restarts.push(await restart(node, listener, routes));
          await delay(quick ? 0 : SETTLE_MS);
        }
        const name = `${leases.toLocaleString("en")} leases, routes ${routes}`;
        const row = (what: string, times: number[]): Measurement =>
          measurement(`${name}: ${what}`, "broker", "ms", times.map(single));
        measurements.push(
          row(
            "READY=1",
            restarts.map(({ ready }) => ready),
          ),
        );
        if (routes === "gone")
          measurements.push(
            row(
              "every route stands",
              restarts.map(({ routed }) => routed),
            ),
          );
      }
    }
    return {
      measurements,
      ratios: [],
      notes: [
        "Timed from before the process is spawned (ip netns exec, the launcher and Node's start are in it) to the READY=1 datagram.",
        `Routes gone: the bridge is deleted while the broker is dead, as after a reboot. Routes are counted every ${LOOK_MS} ms.`,
      ],
    };
  },
};

/** Kills the broker and starts it again. */
export async function restart(
  node: BenchNode,
  listener: ReadyListener,
  routes: "intact" | "gone",
): Promise<Restart> {
  const before = await prefixes(node);
  await node.broker.kill();
  if (routes === "gone") await node.namespace.exec(["ip", "link", "delete", BRIDGE]);
  const ready = listener.next();
  const began = performance.now();
  const [readyAt, routedAt] = await Promise.all([
    ready,
    allRouted(node, before),
    node.broker.start(),
  ]);
  const after = await prefixes(node);
  if (after !== before)
    throw new Error(`${before} prefixes were routed before the restart, ${after} after it`);
  return { ready: readyAt - began, routed: Math.max(routedAt - began, 0) };
}

async function allRouted(node: BenchNode, wanted: number): Promise<number> {
  const end = performance.now() + ROUTES_LIMIT_MS;
  while ((await prefixes(node)) < wanted) {
    if (performance.now() > end) throw new Error(`not all of ${wanted} prefixes were routed`);
    await delay(LOOK_MS);
  }
  return performance.now();
}

/** How many prefixes the kernel routes in the node's namespace: one number, without a dump of 65,536 routes. */
async function prefixes(node: BenchNode): Promise<number> {
  const text = await node.namespace.exec(["cat", "/proc/net/fib_triestat"]);
  const counts = [...text.matchAll(/Prefixes:\s+(\d+)/g)].map((match) => Number(match[1]));
  return counts.reduce((sum, count) => sum + count, 0);
}

export interface ReadyListener extends Disposable {
  readonly path: string;
  /** When the next READY=1 comes, as performance.now() tells it. */
  next(): Promise<number>;
}

export function listenForReady(path: string): ReadyListener {
  const seen: number[] = [];
  const socket = unixDgram.createSocket("unix_dgram");
  socket.on("message", (bytes) => {
    if (bytes.toString().split("\n").includes("READY=1")) seen.push(performance.now());
  });
  socket.on("error", (error) => {
    throw error;
  });
  socket.bind(path);
  return {
    path,
    async next() {
      const already = seen.length;
      return waitFor(() => seen[already], { what: "READY=1", limit: ROUTES_LIMIT_MS });
    },
    [Symbol.dispose]: () => socket.close(),
  };
}
