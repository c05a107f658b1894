// DHCP against Kea with raw guests on a bridge port: how many exchanges a second without loss, how fast, at what cost.

import type { Bench, Progress } from "./bench.ts";
import { compile } from "./compiled.ts";
import { type DhcpContestant, contestants } from "./dhcp-servers.ts";
import { type Trial, tryRate } from "./guests.ts";
import {
  type Findings,
  type Measurement,
  type Run,
  measurement,
  ratiosBetween,
  single,
} from "./measure.ts";
import { highestPassing, rateGrid } from "./rate-search.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

/** Where latency and processor time are compared: both servers keep up with it. */
const FIXED_RATES = [2_000];
const QUICK_RATES = [100];
const ALTERNATIONS = 5;
const QUICK_ALTERNATIONS = 1;
const SECONDS = 3;
const QUICK_SECONDS = 0.5;

export const dhcpBench: Bench = {
  name: "dhcp",
  title: "DHCP, raw guests on a bridge port",
  async measure({ quick, progress }): Promise<Findings> {
    await using folder = await temporaryFolder();
    const program = await compile("guests", folder.path);
    const trials: Trial[] = [];
    const attempt = async (one: DhcpContestant, rate: number): Promise<Trial> => {
      const seconds = quick ? QUICK_SECONDS : SECONDS;
      const trial = await tryRate(one, { program, rate, seconds, cold: quick });
      trials.push(trial);
      const percent = (trial.lost * 100).toFixed(3);
      progress(`${one.name} at ${rate}/s: ${percent} % lost`);
      return trial;
    };
    const measurements = await measureFixed(quick, attempt);
    if (!quick) measurements.push(...(await measureHighest(attempt, progress)));
    return {
      measurements,
      ratios: ratiosBetween(measurements, "cocoon-net", "Kea"),
      notes: [
        `Each trial is a new server with an empty store, warmed up by 20,000 guests, then ${SECONDS} s of new guests at one rate; nobody repeats a lost packet.`,
        "A rate passes when fewer than 0.1 % of its exchanges are lost; a trial that fails is repeated once, for either server.",
        "cocoon-net answers with a durable lease (fdatasync) and a standing host route; Kea appends to its lease file without fsync and makes no route.",
        "Processor time is that of the server's process (/proc/<pid>/stat); what the kernel does for it in other contexts is not in it.",
      ],
      counters: trials,
    };
  },
};

type Attempt = (one: DhcpContestant, rate: number) => Promise<Trial>;

async function measureFixed(quick: boolean, attempt: Attempt): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const rate of quick ? QUICK_RATES : FIXED_RATES) {
    const trials: Trial[] = [];
    for (let round = 0; round < (quick ? QUICK_ALTERNATIONS : ALTERNATIONS); round += 1)
      for (const one of inTurn(round)) trials.push(await attempt(one, rate));
    const row = (name: string, unit: string, runOf: (trial: Trial) => Run): Measurement[] =>
      contestants.map(({ name: contestant }) => {
        const own = trials.filter((trial) => trial.contestant === contestant);
        return measurement(`${rate}/s: ${name}`, contestant, unit, own.map(runOf));
      });
    measurements.push(
      ...row("DISCOVER to ACK", "µs", ({ exchange, bound }) => ({
        count: bound,
        min: exchange.min,
        median: exchange.p50,
        p99: exchange.p99,
        max: exchange.max,
      })),
      ...row("processor time of an exchange", "µs CPU", (trial) =>
        single(trial.processorMicroseconds),
      ),
      ...row("lost", "%", (trial) => single(trial.lost * 100)),
    );
  }
  return measurements;
}

async function measureHighest(attempt: Attempt, progress: Progress): Promise<Measurement[]> {
  const found = new Map<string, number[]>();
  for (let round = 0; round < ALTERNATIONS; round += 1)
    for (const one of inTurn(round)) {
      const earlier = found.get(one.name) ?? [];
      const passes = async (rate: number): Promise<boolean> =>
        (await attempt(one, rate)).passed || (await attempt(one, rate)).passed;
      const index = await highestPassing(passes, earlier[0]);
      progress(`round ${round + 1}: ${one.name} up to ${rateGrid[index] ?? 0}/s`);
      found.set(one.name, [...earlier, index]);
    }
  return contestants.map(({ name }) => {
    const rates = (found.get(name) ?? []).map((index) => rateGrid[index] ?? 0);
    return measurement("highest lossless rate", name, "exchanges/s", rates.map(single));
  });
}

/** Who goes first changes, so that neither always follows the other. */
const inTurn = (round: number): readonly DhcpContestant[] =>
  round % 2 === 0 ? contestants : contestants.toReversed();
