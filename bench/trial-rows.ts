// What the trials of DHCP servers come to: rows by case and contestant.

import type { Trial } from "./guests.ts";
import { type Measurement, type Run, measurement, single } from "./measure.ts";

/** Latency, processor time and losses of the trials of one case, for each contestant in it. */
export function trialRows(
  title: string,
  trials: readonly Trial[],
  exchanged = "DISCOVER to ACK",
): Measurement[] {
  const names = new Set(trials.map(({ contestant }) => contestant));
  const row = (name: string, unit: string, runOf: (trial: Trial) => Run): Measurement[] =>
    [...names].map((contestant) => {
      const own = trials.filter((trial) => trial.contestant === contestant);
      return measurement(`${title}: ${name}`, contestant, unit, own.map(runOf));
    });
  return [
    ...row(exchanged, "µs", ({ exchange, bound }) => ({
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
  ];
}

/** The highest rates of each round, by contestant. */
export const highestRow = (
  name: string,
  found: ReadonlyMap<string, readonly number[]>,
): Measurement[] =>
  [...found].map(([contestant, rates]) =>
    measurement(name, contestant, "exchanges/s", rates.map(single)),
  );

/** Who goes first changes, so that none always follows the other. */
export const inTurn = <Item>(items: readonly Item[], round: number): readonly Item[] =>
  round % 2 === 0 ? items : items.toReversed();
