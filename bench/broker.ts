// What the broker's parts cost: a commit of the ledger, and the processor's time of an ADD with its DEL.

import { join } from "node:path";
import { openLmdb } from "#broker/stores/lmdb.ts";
import type { LedgerStore } from "#core/ports.ts";
import { putLease } from "#core/record.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Bench, Progress } from "./bench.ts";
import { createCniClient, fill, inParallel } from "./client.ts";
import { type Findings, type Measurement, measurement, runOf, single } from "./measure.ts";
import { startNode } from "./node.ts";
import { processorSeconds } from "./processor.ts";
import { containerLease } from "./sample-leases.ts";
import { inTurn } from "./trial-rows.ts";

const LEASES = [0, 65_536];
const QUICK_LEASES = [0, 100];
/** Changes of one commit: of a caller alone, and of a busy moment. */
const GROUPS = [1, 64];
const COMMITS = 200;
const QUICK_COMMITS = 5;
const ALTERNATIONS = 5;
const QUICK_ALTERNATIONS = 1;
/** Changes of one commit while a ledger is filled. */
const FILL_GROUP = 8_192;
/** A prime, so that commits that follow each other are far apart in the ledger. */
const STRIDE = 7_919;
const HELD = 140;
const PAIRS = 2_000;
const QUICK_PAIRS = 10;
const CROWDS = [1, 32];
const MICROSECONDS = 1e6;

type Durability = "sync" | "relaxed";
const DURABILITIES: readonly Durability[] = ["sync", "relaxed"];

export const brokerBench: Bench = {
  name: "broker",
  title: "Broker: commits and processor time",
  async measure({ quick, progress }): Promise<Findings> {
    const commits: Measurement[] = [];
    for (const leases of quick ? QUICK_LEASES : LEASES)
      commits.push(...(await measureCommits(leases, quick, progress)));
    return {
      measurements: [...commits, ...(await measurePairs(quick, progress))],
      ratios: [],
      notes: [
        "Commits one after the other in a ledger of its own, in the folder for temporary files; sync waits for the disk, relaxed does not.",
        `Processor time: that of the broker's process (/proc/<pid>/stat) over ${PAIRS.toLocaleString("en")} pairs of an ADD with its confirmation and a DEL, with ${HELD} leases held; the callers are another process. That of a DHCP exchange is in the section on DHCP.`,
      ],
    };
  },
};

async function measureCommits(
  leases: number,
  quick: boolean,
  progress: Progress,
): Promise<Measurement[]> {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await temporaryFolder());
  const stores: { name: Durability; store: LedgerStore }[] = [];
  for (const name of DURABILITIES) {
    progress(`${leases} leases, ${name}: filling`);
    const store = undo.use(await openLmdb({ path: join(path, name), durability: name }));
    for (let from = 0; from < leases; from += FILL_GROUP)
      await store.commit(leasesFrom(from, Math.min(FILL_GROUP, leases - from)));
    stores.push({ name, store });
  }
  const count = quick ? QUICK_COMMITS : COMMITS;
  const samples = new Map<string, number[][]>();
  for (const group of GROUPS)
    for (let round = 0; round < (quick ? QUICK_ALTERNATIONS : ALTERNATIONS); round += 1)
      for (const { name, store } of inTurn(stores, round)) {
        progress(`${leases} leases, ${name}: ${count} commits of ${group}, round ${round + 1}`);
        const key = JSON.stringify([group, name]);
        samples.set(key, [
          ...(samples.get(key) ?? []),
          await timeCommits(store, leases, group, count),
        ]);
      }
  return [...samples].map(([key, runs]) => {
    const [group, name]: [number, string] = JSON.parse(key);
    const changes = group === 1 ? "1 change" : `${group} changes`;
    const title = `${leases.toLocaleString("en")} leases: commit of ${changes}`;
    return measurement(title, name, "µs", runs.map(runOf));
  });
}

const leasesFrom = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => putLease(containerLease(from + index)));

/** Microseconds of each commit: leases that are there are written anew, as renewals are, each time in another place. */
async function timeCommits(
  store: LedgerStore,
  leases: number,
  group: number,
  count: number,
): Promise<number[]> {
  const times: number[] = [];
  for (let number = 0; number < count; number += 1) {
    const changes = leasesFrom((number * STRIDE) % Math.max(1, leases - group), group);
    const begun = performance.now();
    await store.commit(changes);
    times.push((performance.now() - begun) * 1_000);
  }
  return times;
}

async function measurePairs(quick: boolean, progress: Progress): Promise<Measurement[]> {
  await using node = await startNode();
  await fill(node, 0, HELD);
  using client = await createCniClient(node);
  const pairs = quick ? QUICK_PAIRS : PAIRS;
  let made = 0;
  const costOf = async (crowd: number): Promise<number> => {
    const before = await processorSeconds(node.broker.pid());
    const first = made;
    made += pairs;
    const pair = async (number: number): Promise<void> => {
      await client.add(`pair-${first + number}`);
      await client.del(`pair-${first + number}`);
    };
    await inParallel(pairs, pair, crowd);
    const used = (await processorSeconds(node.broker.pid())) - before;
    return (used * MICROSECONDS) / pairs;
  };
  const costs = new Map(CROWDS.map((crowd): [number, number[]] => [crowd, []]));
  // The first round warms up.
  for (let round = -1; round < (quick ? QUICK_ALTERNATIONS : ALTERNATIONS); round += 1)
    for (const crowd of inTurn(CROWDS, round)) {
      progress(`${pairs} pairs, ${crowd} at a time`);
      const cost = await costOf(crowd);
      if (round >= 0) costs.get(crowd)?.push(cost);
    }
  return [...costs].map(([crowd, found]) =>
    measurement(
      `processor time of an ADD and its DEL, ${crowd} at a time`,
      "broker",
      "µs CPU",
      found.map(single),
    ),
  );
}
