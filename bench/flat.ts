// What many leases cost a call: the plugin and a forwarder take turns, and nothing else runs between their calls.

import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { fill } from "./client.ts";
import { compile } from "./compiled.ts";
import { Crew, contestant } from "./crew.ts";
import { type Findings, type Measurement, ratiosBetween } from "./measure.ts";
import { DIST, startNode } from "./node.ts";

const LEASES = [0, 1_000, 10_000, 65_536];
const QUICK_LEASES = [0, 10];
const ROUNDS = 5;
const QUICK_ROUNDS = 1;
/** Calls of a run. */
const CALLS = 100;
const QUICK_CALLS = 4;
/** Calls before the first that counts: file caches, the broker's compiler. */
const WARM_UP = 300;

export const flatBench: Bench = {
  name: "flat",
  title: "CNI plugin, with few leases and with many",
  async measure({ quick, progress }): Promise<Findings> {
    await using node = await startNode();
    const forwarder = await compile("forwarder", node.folder, ["-static"]);
    const crew = new Crew(await compile("spawn", node.folder), [
      await contestant(node, "cocoon-ipam", join(DIST, "cocoon-ipam"), node.conf),
      await contestant(node, "C forwarder", forwarder, node.conf),
    ]);
    const alone = quick ? QUICK_CALLS : CALLS;
    await crew.warmUp(quick ? QUICK_CALLS : WARM_UP);
    const measurements: Measurement[] = [];
    let held = 0;
    for (const leases of quick ? QUICK_LEASES : LEASES) {
      progress(`${leases} leases: filling`);
      await fill(node, held, leases);
      held = leases;
      const title = `${leases.toLocaleString("en")} leases`;
      const rounds = quick ? QUICK_ROUNDS : ROUNDS;
      measurements.push(...(await crew.alternate({ title, alone }, rounds, progress)));
    }
    return {
      measurements,
      ratios: ratiosBetween(measurements, "cocoon-ipam", "C forwarder"),
      notes: [
        `Apart from the comparison with host-local, which keeps a processor and its caches to itself for seconds where there are many leases; ${CALLS} calls a run.`,
      ],
    };
  },
};
