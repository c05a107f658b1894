// What the product promises of speed and memory, held against what was found: kept or not, nothing in between.

import type { Measurement, Ratio } from "./measure.ts";
import type { Result } from "./result-file.ts";
import { figure, table } from "./table.ts";

interface Promised {
  readonly promise: string;
  /** As the promise words it. */
  readonly wanted: string;
  readonly found: string;
  readonly kept: boolean;
}
type Results = ReadonlyMap<string, Result>;

const MOST_LEASES = "65,536 leases";
/** What counts as flat: no more than runs of one and the same case differ by. */
const FLAT = 1.5;
const PLUGIN_CASES = ["0 leases", "1,000 leases", "10,000 leases", MOST_LEASES];

/** Every promise as a row of a Markdown table; what no result speaks of is named as not measured. */
export function promiseTable(results: Results): string {
  const cells = families.flatMap(({ needs, promised }) => {
    if (!results.has(needs)) return [[`all of ${needs}`, "", "not measured", "not shown"]];
    return promised(results).map(({ promise, wanted, found, kept }) => [
      promise,
      wanted,
      found,
      kept ? "yes" : "**no**",
    ]);
  });
  return table([["promise", "wanted", "found", "kept"], ...cells]);
}

const families = [
  { needs: "plugin", promised: plugin },
  { needs: "dhcp", promised: (results: Results) => dhcp(results, "dhcp", "raw guests") },
  { needs: "perfdhcp", promised: (results: Results) => dhcp(results, "perfdhcp", "perfdhcp") },
  { needs: "restart", promised: restart },
  { needs: "memory", promised: memory },
];

function plugin(results: Results): Promised[] {
  const alone = ["ADD", "DEL"].flatMap((verb) =>
    PLUGIN_CASES.map((leases) => {
      const ratio = ratioIn(results, "plugin", `${verb}, ${leases}, 1 at a time`, "µs");
      return atMost(`${verb} with ${leases}, p50 against host-local's`, 0.5, ratio.median, "×");
    }),
  );
  const crowd = PLUGIN_CASES.map((leases) => {
    const ratio = ratioIn(results, "plugin", `ADD, ${leases}, 32 at a time`, "calls/s");
    return atLeast(`ADDs 32 at a time with ${leases}, rate against host-local's`, 2, ratio.median);
  });
  const flat = ["ADD", "DEL"].map((verb) => {
    const p50 = (leases: string): number =>
      measured(results, "plugin", `${verb}, ${leases}, 1 at a time`).median;
    const growth = p50(MOST_LEASES) / p50("0 leases");
    return atMost(`${verb} with ${MOST_LEASES}, p50 against that with none`, FLAT, growth, "×");
  });
  return [...alone, ...flat, ...crowd];
}

function dhcp(results: Results, bench: string, generator: string): Promised[] {
  const { median } = ratioIn(results, bench, "highest lossless rate", "exchanges/s");
  return [atLeast(`DHCP, highest lossless rate against Kea's (${generator})`, 3, median)];
}

function restart(results: Results): Promised[] {
  const time = (what: string): number => measured(results, "restart", what).median;
  return [
    atMost(
      `restart with ${MOST_LEASES}, routes intact, to READY=1`,
      1_000,
      time(`${MOST_LEASES}, routes intact: READY=1`),
      "ms",
    ),
    atMost(
      `restart with ${MOST_LEASES}, routes gone, until all stand`,
      3_000,
      time(`${MOST_LEASES}, routes gone: every route stands`),
      "ms",
    ),
  ];
}

function memory(results: Results): Promised[] {
  const held = (what: string): number => measured(results, "memory", what).median;
  const worn = found(results, "memory").ratios.at(-1);
  if (worn === undefined) throw new Error("memory: no growth was measured");
  return [
    atMost("memory with 140 leases", 100, held("140 leases"), "MiB"),
    atMost(`memory with ${MOST_LEASES}`, 200, held(MOST_LEASES), "MiB"),
    atMost("memory after 200,000 pairs against before", 1.05, worn.median, "×"),
  ];
}

const atMost = (promise: string, wanted: number, value: number, unit: string): Promised => ({
  promise,
  wanted: `at most ${wanted.toLocaleString("en")} ${unit}`,
  found: `${figure(value)} ${unit}`,
  kept: value <= wanted,
});

const atLeast = (promise: string, wanted: number, value: number): Promised => ({
  promise,
  wanted: `at least ${wanted} ×`,
  found: `${figure(value)} ×`,
  kept: value >= wanted,
});

function found(results: Results, name: string): Result {
  const result = results.get(name);
  if (result === undefined) throw new Error(`${name} has no result: run node bench/run.ts ${name}`);
  return result;
}

function measured(results: Results, name: string, what: string): Measurement {
  const one = found(results, name).measurements.find((row) => row.case === what);
  if (one === undefined) throw new Error(`${name} did not measure ${what}`);
  return one;
}

function ratioIn(results: Results, name: string, what: string, unit: string): Ratio {
  // The first of a case is that to the peer of which the promise speaks.
  const one = found(results, name).ratios.find((row) => row.case === what && row.unit === unit);
  if (one === undefined) throw new Error(`${name} has no ratio of ${what} in ${unit}`);
  return one;
}
