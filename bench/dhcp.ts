// DHCP with raw guests on a bridge port, against Kea and dnsmasq: how many exchanges a second without loss, how fast, at what cost.

import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Bench } from "./bench.ts";
import { compile } from "./compiled.ts";
import { type Attempt, tryAll, tryEachKind } from "./dhcp-plan.ts";
import { relaxed } from "./dhcp-servers.ts";
import { type Trial, tryRate } from "./guests.ts";
import { type Findings, ratiosBetween } from "./measure.ts";

const SECONDS = 3;
const QUICK_SECONDS = 0.5;

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
    const measurements = await (quick ? tryEachKind(attempt) : tryAll(attempt, progress));
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
