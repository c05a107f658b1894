// The plans of the DHCP benchmarks, with servers of which the ceiling is known: who is asked at which rate, and what becomes of it.

import { expect, test } from "vitest";
import { type Attempt, fewLeases, newGuests, renewals } from "#bench/dhcp-plan.ts";
import type { Trial } from "#bench/guests.ts";
import { rateGrid } from "#bench/rate-search.ts";

const CEILINGS: Readonly<Record<string, number>> = {
  "cocoon-net": rateGrid[88] ?? 0,
  "cocoon-net, relaxed": rateGrid[90] ?? 0,
  Kea: rateGrid[72] ?? 0,
  dnsmasq: rateGrid[30] ?? 0,
};
const latency = { min: 1, p50: 2, p90: 3, p99: 4, max: 5 };

test("every case has five runs of each of its servers, at the rates that were found", async () => {
  const asked: { name: string; rate: number; how: string }[] = [];
  const attempt: Attempt = async ({ name }, rate, how = {}) => {
    const kind = how.renew === true ? "renew" : how.cold === true ? "cold" : "new";
    asked.push({ name, rate, how: kind });
    const passed = rate <= (CEILINGS[name] ?? 0) * (kind === "renew" ? 2 : 1);
    const trial: Trial = {
      contestant: name,
      rate,
      seconds: 3,
      passed,
      lost: passed ? 0 : 0.5,
      warmSent: 1,
      warmBound: 1,
      sent: 1,
      offered: 1,
      bound: 1,
      refused: 0,
      doubled: 0,
      odd: 0,
      receiverDrops: 0,
      sendingSeconds: 3,
      exchange: latency,
      request: latency,
      processorMicroseconds: rate,
      counters: {},
    };
    return trial;
  };
  const ignored = (): void => undefined;
  const measurements = [
    ...(await newGuests.whole(attempt, ignored)),
    ...(await renewals.whole(attempt, ignored)),
    ...(await fewLeases.whole(attempt, ignored)),
  ];
  expect(measurements.every(({ runs }) => runs.length === 5)).toBe(true);

  const found = (name: string): Record<string, number> =>
    Object.fromEntries(
      measurements.filter((one) => one.case === name).map((one) => [one.contestant, one.median]),
    );
  const { "cocoon-net": ours = 0, Kea: kea = 0, dnsmasq = 0, ...relaxed } = CEILINGS;
  expect(found("highest lossless rate")).toEqual({ "cocoon-net": ours, Kea: kea, ...relaxed });
  expect(found("highest lossless rate, few leases")).toEqual({ dnsmasq });
  expect(Object.keys(found("highest lossless rate, renewals"))).toEqual(["cocoon-net", "Kea"]);
  // The stand-in's processor time is the rate at which it was asked.
  const cost = (title: string) => found(`${title}: processor time of an exchange`);
  expect(cost("2000/s")).toEqual({ "cocoon-net": 2_000, Kea: 2_000 });
  expect(cost("Kea's highest rate")).toEqual({ "cocoon-net": kea, Kea: kea });
  expect(cost("half of its highest rate")).toEqual({
    "cocoon-net": Math.round(ours / 2),
    Kea: Math.round(kea / 2),
  });
  expect(cost("200/s, few leases")).toEqual({ "cocoon-net": 200, Kea: 200, dnsmasq: 200 });
  expect(asked.filter(({ name, how }) => name === "dnsmasq" && how !== "cold")).toEqual([]);
});
