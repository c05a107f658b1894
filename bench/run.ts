// `node bench/run.ts [--quick] [--results folder] [names...]`: measures, writes bench/results/<name>.json, prints tables.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allocatorBench } from "./allocator.ts";
import type { Bench } from "./bench.ts";
import { brokerBench } from "./broker.ts";
import { dhcpBench, dnsmasqBench, renewalsBench } from "./dhcp.ts";
import { flatBench } from "./flat.ts";
import { memoryBench } from "./memory.ts";
import { perfdhcpBench } from "./perfdhcp.ts";
import { pluginBench } from "./plugin.ts";
import { podBench } from "./pod.ts";
import { restartBench } from "./restart.ts";
import { RESULTS, circumstances, writeResult } from "./result-file.ts";
import { measurementTable, ratioTable } from "./table.ts";

/** NEW BENCHMARK: one file and one line here. */
const benches: readonly Bench[] = [
  pluginBench,
  flatBench,
  podBench,
  restartBench,
  memoryBench,
  brokerBench,
  dhcpBench,
  renewalsBench,
  dnsmasqBench,
  perfdhcpBench,
  allocatorBench,
];

/** Figures that mean nothing must not take the place of those that do. */
const QUICK_RESULTS = join(tmpdir(), "cocoon-net-bench-quick");

const { values, positionals } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    results: { type: "string" },
  },
  allowPositionals: true,
});

// A benchmark that is interrupted fails at its next step, so that its namespaces and processes go with it.
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => (interrupted = true));

for (const bench of chosen(positionals)) await measure(bench);

function chosen(names: readonly string[]): readonly Bench[] {
  const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    const known = benches.map((bench) => bench.name).join(" ");
    throw new Error(`no benchmark is called ${unknown.join(" or ")}: there are ${known}`);
  }
  return names.length === 0 ? benches : benches.filter((bench) => names.includes(bench.name));
}

async function measure(bench: Bench): Promise<void> {
  const { quick } = values;
  const progress = (doing: string): void => {
    if (interrupted) throw new Error(`interrupted before ${bench.name}: ${doing}`);
    process.stderr.write(`${bench.name}: ${doing}\n`);
  };
  const before = circumstances();
  const { name, title } = bench;
  const findings = await bench.measure({ quick, progress });
  const result = { name, title, quick, ...before, ...findings };
  const path = await writeResult(values.results ?? (quick ? QUICK_RESULTS : RESULTS), result);
  process.stdout.write(`\n${title}${quick ? " (quick: these figures mean nothing)" : ""}\n\n`);
  process.stdout.write(`${measurementTable(result)}\n\n`);
  if (result.ratios.length > 0) process.stdout.write(`${ratioTable(result.ratios)}\n\n`);
  process.stdout.write(`written to ${path}\n`);
}
