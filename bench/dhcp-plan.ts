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
export type Attempt = (one: DhcpContestant, rate: number, how?: How) => Promise<Trial>;

type How = Pick<TrialOptions, "cold" | "renew">;

/** What a benchmark of DHCP servers compares. */
export interface Plan {
  /** One trial of every kind. */
  quick(attempt: Attempt): Promise<Measurement[]>;
  whole(attempt: Attempt, progress: Progress): Promise<Measurement[]>;
}

/** New guests, with many leases. */
export const newGuests: Plan = {
  async quick(attempt) {
    const trials: Trial[] = [];
    for (const one of [...contestants, relaxed]) trials.push(await attempt(one, QUICK_RATE));
    return trialRows(`${QUICK_RATE}/s`, trials);
  },
  whole: tryNewGuests,
};

/** Guests that renew what they hold. */
export const renewals: Plan = {
  async quick(attempt) {
    const trials: Trial[] = [];
    for (const one of contestants) trials.push(await attempt(one, QUICK_RATE, { renew: true }));
    return trialRows("renewals", trials, "REQUEST to ACK");
  },
  async whole(attempt, progress) {
    const found = await highest(attempt, progress, contestants, { renew: true });
    return highestRow("highest lossless rate, renewals", found);
  },
};

/** New guests, with few leases: for a server that does not come far with many. */
export const fewLeases: Plan = {
  async quick(attempt) {
    return trialRows(`${QUICK_RATE}/s`, [await attempt(dnsmasq, QUICK_RATE, { cold: true })]);
  },
  async whole(attempt, progress) {
    const title = `${GENTLE_RATE}/s, few leases`;
    const everyone = [...contestants, dnsmasq];
    const rows = await alternate(attempt, title, () => GENTLE_RATE, everyone, { cold: true });
    const found = await highest(attempt, progress, [dnsmasq], { cold: true });
    return [...rows, ...highestRow("highest lossless rate, few leases", found)];
  },
};

async function alternate(
  attempt: Attempt,
  title: string,
  rateOf: (one: DhcpContestant) => number,
  among = contestants,
  how: How = {},
): Promise<Measurement[]> {
  const trials: Trial[] = [];
  for (let round = 0; round < ALTERNATIONS; round += 1)
    for (const one of inTurn(among, round)) trials.push(await attempt(one, rateOf(one), how));
  return trialRows(title, trials);
}

async function highest(
  attempt: Attempt,
  progress: Progress,
  among: readonly DhcpContestant[],
  how: How = {},
): Promise<ReadonlyMap<string, readonly number[]>> {
  const runners = among.map((one) => ({
    name: one.name,
    passes: async (rate: number) => (await attempt(one, rate, how)).passed,
  }));
  return await highestRates(runners, ALTERNATIONS, progress);
}

/** The rates of some cases are what others found. */
async function tryNewGuests(attempt: Attempt, progress: Progress): Promise<Measurement[]> {
  const measurements = await alternate(attempt, `${FIXED_RATE}/s`, () => FIXED_RATE);
  const found = await highest(attempt, progress, [...contestants, relaxed]);
  // A server that kept up with nothing is asked at the lowest rate all the same.
  const came = (name: string): number => Math.max(median(found.get(name) ?? []), LOWEST_RATE);
  return [
    ...measurements,
    ...highestRow("highest lossless rate", found),
    ...(await alternate(attempt, "Kea's highest rate", () => came("Kea"))),
    ...(await alternate(attempt, "half of its highest rate", ({ name }) =>
      Math.round(came(name) / 2),
    )),
  ];
}
