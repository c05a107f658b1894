// DHCP with raw guests on a bridge port, against Kea and dnsmasq: how many exchanges a second without loss, how fast, at what cost.

import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Bench } from "./bench.ts";
import { compile } from "./compiled.ts";
import { type Attempt, type Plan, fewLeases, newGuests, renewals } from "./dhcp-plan.ts";
import { relaxed } from "./dhcp-servers.ts";
import { type Trial, tryRate } from "./guests.ts";
import { type Findings, ratiosBetween } from "./measure.ts";

const SECONDS = 3;
const QUICK_SECONDS = 0.5;

const EACH_TRIAL =
  "nobody repeats a lost packet. A rate passes when fewer than 0.1 % of its exchanges are lost; a trial that fails is repeated once, for any server.";
const PROCESSOR_TIME =
  "Processor time is that of the server's process (/proc/<pid>/stat); what the kernel does for it in other contexts is not in it.";
const DURABLE =
  "cocoon-net answers with a durable lease (fdatasync) and a standing host route; Kea and dnsmasq write their lease files without fsync and make no route.";

export const dhcpBench = benchOf("dhcp", "DHCP, raw guests on a bridge port", newGuests, [
  `Each trial is a new server with an empty store, warmed up by 20,000 guests, then ${SECONDS} s of new guests at one rate; ${EACH_TRIAL}`,
  "Half of its highest rate: each server at half of what it came to itself. Kea's highest rate: all at what Kea came to.",
  `${DURABLE} Relaxed: cocoon-net with durability \`relaxed\`, which syncs within 100 ms after it answered.`,
  PROCESSOR_TIME,
]);

export const renewalsBench = benchOf("renewals", "DHCP, guests that renew", renewals, [
  `Each trial is a new server with an empty store and 20,000 guests (up to 200 may fail to be bound), which then ask by unicast for what they hold, REQUEST to ACK, ${SECONDS} s at one rate; ${EACH_TRIAL}`,
]);

export const dnsmasqBench = benchOf("dnsmasq", "DHCP, few leases", fewLeases, [
  "Without a warm-up, because dnsmasq, which searches a list of its leases and writes their whole file anew, loses most of its packets after one; its highest rate is that of 3 s from an empty file.",
  `${SECONDS} s of new guests at one rate; ${EACH_TRIAL}`,
  DURABLE,
  PROCESSOR_TIME,
]);

function benchOf(name: string, title: string, plan: Plan, notes: readonly string[]): Bench {
  return {
    name,
    title,
    async measure({ quick, progress }): Promise<Findings> {
      await using folder = await temporaryFolder();
      const program = await compile("guests", folder.path);
      const trials: Trial[] = [];
      const attempt: Attempt = async (one, rate, how = {}) => {
        const seconds = quick ? QUICK_SECONDS : SECONDS;
        const cold = quick || how.cold === true;
        const trial = await tryRate(one, { program, rate, seconds, ...how, cold });
        trials.push(trial);
        const percent = (trial.lost * 100).toFixed(3);
        progress(`${one.name} at ${rate}/s: ${percent} % lost`);
        return trial;
      };
      const measurements = await (quick ? plan.quick(attempt) : plan.whole(attempt, progress));
      const ratios = [
        ...ratiosBetween(measurements, "cocoon-net", "Kea"),
        ...ratiosBetween(measurements, "cocoon-net", "dnsmasq"),
        ...ratiosBetween(measurements, relaxed.name, "Kea"),
      ];
      return { measurements, ratios, notes, counters: trials };
    },
  };
}
