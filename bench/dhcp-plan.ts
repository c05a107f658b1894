// Which trials of DHCP servers are made at which rates, and what they are called.

import type { Progress } from "./bench.ts";
import { type DhcpContestant, contestants, relaxed } from "./dhcp-servers.ts";
import { dnsmasq } from "./dnsmasq.ts";
import type { Trial, TrialOptions } from "./guests.ts";
import { type Measurement, median } from "./measure.ts";
import { LOWEST_RATE, highestRates } from "./rate-search.ts";
import { highestRow, inTurn, trialRows } from "./trial-rows.ts";

/** Both servers keep up with it. */
const FIXED_RATE = 2_000;
/** dnsmasq keeps up with it while it has few leases. */
const GENTLE_RATE = 200;
const QUICK_RATE = 100;
const ALTERNATIONS = 5;

/** One trial of a contestant at a rate: new guests, unless told otherwise. */
export type Attempt = (
  one: DhcpContestant,
  rate: number,
  how?: Pick<TrialOptions, "cold" | "renew">,
) => Promise<Trial>;

/** One trial of every kind. */
export async function tryEachKind(attempt: Attempt): Promise<Measurement[]> {
  const trials: Trial[] = [];
  for (const one of [...contestants, relaxed, dnsmasq]) trials.push(await attempt(one, QUICK_RATE));
  const renewals: Trial[] = [];
  for (const one of contestants) renewals.push(await attempt(one, QUICK_RATE, { renew: true }));
  return [
    ...trialRows(`${QUICK_RATE}/s`, trials),
    ...trialRows("renewals", renewals, "REQUEST to ACK"),
  ];
}

/** All that is compared; the rates of some cases are what others found. */
export async function tryAll(attempt: Attempt, progress: Progress): Promise<Measurement[]> {
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
  // A server that kept up with nothing is asked at the lowest rate all the same.
  const came = (name: string): number => Math.max(median(found.get(name) ?? []), LOWEST_RATE);
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
