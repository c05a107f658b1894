// A pod's network set-up through the stock bridge plugin, with different IPAM plugins behind it: how much of it is theirs.

import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { namespaces } from "#test/netns/namespaces.ts";
import type { Bench } from "./bench.ts";
import { compile } from "./compiled.ts";
import { type Contestant, Crew } from "./crew.ts";
import { startDhcpDaemon } from "./dhcp-daemon.ts";
import { dnsmasq } from "./dnsmasq.ts";
import { hostLocal } from "./host-local.ts";
import { type Findings, type Measurement, measurement, ratiosBetween, single } from "./measure.ts";
import { BRIDGE, STOCK_PLUGINS, startNode } from "./node.ts";

const LOAD = { title: "through bridge", alone: 10, crowded: 64 };
const QUICK_LOAD = { ...LOAD, alone: 2, crowded: 4 };
const ALTERNATIONS = 5;
const QUICK_ALTERNATIONS = 1;
const WARM_UP = 5;
const OURS = "cocoon-ipam";
const NO_IPAM = "no IPAM";

export const podBench: Bench = {
  name: "pod",
  title: "A pod's network through the stock bridge plugin",
  async measure({ quick, progress }): Promise<Findings> {
    const load = quick ? QUICK_LOAD : LOAD;
    await using node = await startNode();
    await using server = await dnsmasq.start({ relay: false });
    await using daemon = await startDhcpDaemon(server.node, node.folder);
    progress("making namespaces");
    await using pods = await podsIn(join(node.folder, "pods"), Math.max(load.alone, load.crowded));
    const peer = await hostLocal(node.folder);
    const within = async (
      name: string,
      ipam: Readonly<Record<string, unknown>>,
      where: Pick<Contestant, "path" | "within">,
    ): Promise<Contestant> => {
      const confFile = join(node.folder, `pod-${name.replace(" ", "-")}.conf`);
      const bridge = { type: "bridge", bridge: BRIDGE, isGateway: false, ipMasq: false, ipam };
      await writeFile(confFile, JSON.stringify({ cniVersion: "1.0.0", name: "pods", ...bridge }));
      return { name, plugin: join(STOCK_PLUGINS, "bridge"), confFile, netns: pods.netns, ...where };
    };
    const elsewhere = { path: STOCK_PLUGINS, within: server.node };
    const contestants = [
      await within(OURS, node.ipam, { path: node.broker.paths.plugins, within: node.namespace }),
      await within("host-local", peer.ipam, elsewhere),
      await within("dhcp", daemon.ipam, elsewhere),
      await within(NO_IPAM, {}, elsewhere),
    ];
    const crew = new Crew(await compile("spawn", node.folder), contestants);
    await crew.warmUp(quick ? 1 : WARM_UP);
    const rounds = quick ? QUICK_ALTERNATIONS : ALTERNATIONS;
    const measurements = await crew.alternate(load, rounds, progress);
    return {
      measurements: [...measurements, ...sharesIn(measurements)],
      ratios: ["host-local", "dhcp", NO_IPAM].flatMap((to) =>
        ratiosBetween(measurements, OURS, to),
      ),
      notes: [
        "Spawn to exit of the bridge plugin, which makes the veth pair, runs the IPAM plugin and sets addresses and routes; each call has a network namespace that was made before.",
        "IPAM's share: how much less a call takes without IPAM in the same round; setting the address, and waiting for the bridge's port to forward, is in it.",
        "dhcp is the stock plugin with its daemon, served by dnsmasq on the same bridge. host-local, dhcp and no IPAM have a namespace and a bridge without cocoon-net's broker.",
      ],
    };
  },
};

/** So many namespaces, reachable as `<folder>/<number>`. */
async function podsIn(
  folder: string,
  count: number,
): Promise<AsyncDisposable & { readonly netns: string }> {
  await using undo = new AsyncDisposableStack();
  await mkdir(folder);
  for (let number = 0; number < count; number += 1) {
    const { pod } = undo.use(await namespaces("pod"));
    await symlink(pod.path, join(folder, String(number)));
  }
  const kept = undo.move();
  return {
    netns: join(folder, "%d"),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Per cent of a call that is gone without IPAM, round by round. */
function sharesIn(measurements: readonly Measurement[]): Measurement[] {
  return measurements
    .filter(({ contestant, unit }) => contestant !== NO_IPAM && unit === "µs")
    .flatMap((one) => {
      const bare = measurements.find(
        (other) =>
          other.contestant === NO_IPAM && other.case === one.case && other.unit === one.unit,
      );
      if (bare === undefined) return [];
      const shares = one.runs.map(({ median }, round) =>
        single(100 * (1 - (bare.runs[round]?.median ?? median) / median)),
      );
      return [measurement(`${one.case}: IPAM's share`, one.contestant, "%", shares)];
    });
}
