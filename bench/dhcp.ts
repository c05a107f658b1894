// DHCP with raw guests on a bridge port, against Kea and dnsmasq: how many exchanges a second without loss, how fast, at what cost.

import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Bench, Progress } from "./bench.ts";
import { compile } from "./compiled.ts";
import { type DhcpContestant, contestants, relaxed } from "./dhcp-servers.ts";
import { dnsmasq } from "./dnsmasq.ts";
import { type Trial, type TrialOptions, tryRate } from "./guests.ts";
import { type Findings, type Measurement, median, ratiosBetween } from "./measure.ts";
import { highestRates } from "./rate-search.ts";
import { highestRow, inTurn, trialRows } from "./trial-rows.ts";

/** Both servers keep up with it. */
const FIXED_RATE = 2_000;
/** dnsmasq keeps up with it while it has few leases. */
const GENTLE_RATE = 200;
const QUICK_RATE = 100;
const ALTERNATIONS = 5;
const SECONDS = 3;
const QUICK_SECONDS = 0.5;

/** One trial of a contestant at a rate: new guests, unless told otherwise. */
type Attempt = (
  one: DhcpContestant,
  rate: number,
  how?: Pick<TrialOptions, "cold" | "renew">,
) => Promise<Trial>;

export const dhcpBench: Bench = {
  name: "dhcp",
  title: "DHCP, raw guests on a bridge port",
  async measure({ quick, progress }): Promise<Findings> {
    await using folder = await temporaryFolder();
    const program = await compile("guests", folder.path);
    const trials: Trial[] = [];
    const attempt: Attempt = async (one, rate, how = {}) => {
      const seconds = quick ? QUICK_SECONDS : SECONDS;
      const trial = await tryRate(one, {
        program,
        rate,
        seconds,
        ...(quick && { cold: true }),
        ...how,
      });
      trials.push(trial);
      const percent = (trial.lost * 100).toFixed(3);
      progress(`${one.name} at ${rate}/s${how.renew ? ", renewals" : ""}: ${percent} % lost`);
      return trial;
    };
    const measurements = await (quick ? tryAll(attempt) : measureAll(attempt, progress));
    return {
      measurements,
      ratios: [
        ...ratiosBetween(measurements, "cocoon-net", "Kea"),
        ...ratiosBetween(measurements, "cocoon-net", "dnsmasq"),
        ...ratiosBetween(measurements, relaxed.name, "Kea"),
      ],
      notes: [
        `Each trial is a new server with an empty store, warmed up by 20,000 guests, then ${SECONDS} s of new guests at one rate; nobody repeats a lost packet.`,
        "A rate passes when fewer than 0.1 % of its exchanges are lost; a trial that fails is repeated once, for any server.",
        "Half of its highest rate: each server at half of what it came to itself. Kea's highest rate: all at what Kea came to.",
        "Renewals: the guests of the warm-up ask by unicast for what they hold, REQUEST to ACK.",
        "Few leases: without the warm-up, because dnsmasq, which searches a list of its leases and writes their whole file anew, loses most of its packets after it; its highest rate is that of 3 s from an empty file.",
        "cocoon-net answers with a durable lease (fdatasync) and a standing host route; Kea and dnsmasq write their lease files without fsync and make no route. Relaxed: cocoon-net with durability `relaxed`, which syncs within 100 ms after it answered.",
        "Processor time is that of the server's process (/proc/<pid>/stat); what the kernel does for it in other contexts is not in it.",
      ],
      counters: trials,
    };
  },
};

/** One trial of every kind. */
async function tryAll(attempt: Attempt): Promise<Measurement[]> {
  const trials: Trial[] = [];
  for (const one of [...contestants, relaxed, dnsmasq]) trials.push(await attempt(one, QUICK_RATE));
  const renewals: Trial[] = [];
  for (const one of contestants) renewals.push(await attempt(one, QUICK_RATE, { renew: true }));
  return [
    ...trialRows(`${QUICK_RATE}/s`, trials),
    ...trialRows("renewals", renewals, "REQUEST to ACK"),
  ];
}

async function measureAll(attempt: Attempt, progress: Progress): Promise<Measurement[]> {
  const alternate = async (
    title: string,
    rateOf: (one: DhcpContestant) => number,
    among = contestants,
    cold = false,
  ): Promise<Measurement[]> => {
    const trials: Trial[] = [];
    for (let round = 0; round < ALTERNATIONS; round += 1)
      for (const one of inTurn(among, round))
        trials.push(await attempt(one, rateOf(one), { cold }));
    return trialRows(title, trials);
  };
  const highest = async (
    among: readonly DhcpContestant[],
    how: Pick<TrialOptions, "cold" | "renew"> = {},
  ): Promise<ReadonlyMap<string, readonly number[]>> => {
    const runners = among.map((one) => ({
      name: one.name,
      passes: async (rate: number) => (await attempt(one, rate, how)).passed,
    }));
    return await highestRates(runners, ALTERNATIONS, progress);
  };
  const measurements = await alternate(`${FIXED_RATE}/s`, () => FIXED_RATE);
  const found = await highest([...contestants, relaxed]);
  const came = (name: string): number => median(found.get(name) ?? []);
  measurements.push(
    ...highestRow("highest lossless rate", found),
    ...(await alternate("Kea's highest rate", () => came("Kea"))),
    ...(await alternate("half of its highest rate", ({ name }) => Math.round(came(name) / 2))),
    ...highestRow("highest lossless rate, renewals", await highest(contestants, { renew: true })),
    ...(await alternate(
      `${GENTLE_RATE}/s, few leases`,
      () => GENTLE_RATE,
      [...contestants, dnsmasq],
      true,
    )),
    ...highestRow("highest lossless rate, few leases", await highest([dnsmasq], { cold: true })),
  );
  return measurements;
}
