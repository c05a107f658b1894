// The plugins as a runtime sees them: whole processes, ADD and DEL, spawn to exit, with few and with many leases.

import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { fill } from "./client.ts";
import { compile } from "./compiled.ts";
import { Crew, contestant } from "./crew.ts";
import { HOST_LOCAL, hostLocal } from "./host-local.ts";
import { type Findings, type Measurement, ratiosBetween } from "./measure.ts";
import { DIST, startNode } from "./node.ts";

/** Fewer calls where host-local needs most of a second for one. */
const LOADS = [
  { leases: 0, alone: 200, crowded: 320 },
  { leases: 1_000, alone: 60, crowded: 128 },
  { leases: 10_000, alone: 30, crowded: 64 },
  { leases: 65_536, alone: 8, crowded: 32 },
];
const QUICK_LOADS = [{ leases: 10, alone: 4, crowded: 8 }];
const ALTERNATIONS = 5;
const QUICK_ALTERNATIONS = 2;
/** Calls before the first that counts: file caches, the broker's compiler. */
const WARM_UP = 300;
const QUICK_WARM_UP = 4;

export const pluginBench: Bench = {
  name: "plugin",
  title: "CNI plugin, spawn to exit",
  async measure({ quick, progress }): Promise<Findings> {
    await using node = await startNode();
    const spawn = await compile("spawn", node.folder);
    const forwarder = await compile("forwarder", node.folder, ["-static"]);
    const peer = await hostLocal(node.folder);
    const contestants = [
      await contestant(node, "cocoon-ipam", join(DIST, "cocoon-ipam"), node.conf),
      await contestant(node, "C forwarder", forwarder, node.conf),
      await contestant(node, "host-local", HOST_LOCAL, peer.conf),
    ];
    const measurements: Measurement[] = [];
    let held = 0;
    for (const load of quick ? QUICK_LOADS : LOADS) {
      progress(`${load.leases} leases: filling`);
      await fill(node, held, load.leases);
      await peer.fill(held, load.leases);
      held = load.leases;
      const crew = new Crew(spawn, contestants);
      await crew.warmUp(quick ? QUICK_WARM_UP : Math.min(WARM_UP, load.alone * 2));
      const rounds = quick ? QUICK_ALTERNATIONS : ALTERNATIONS;
      const title = `${load.leases.toLocaleString("en")} leases`;
      measurements.push(...(await crew.alternate({ ...load, title }, rounds, progress)));
    }
    return {
      measurements,
      ratios: [
        ...ratiosBetween(measurements, "cocoon-ipam", "host-local"),
        ...ratiosBetween(measurements, "cocoon-ipam", "C forwarder"),
      ],
      notes: [
        `Contestants alternate run by run; a run is a batch of ADDs and then the DELs of the same containers.`,
        "C forwarder: the same exchange with the broker by a static C program that knows nothing but its shape: what a plugin costs at least.",
        "cocoon-ipam's answer is durable (fdatasync) and its host route stands before it is printed; host-local writes a file without fsync and makes no route.",
      ],
    };
  },
};
