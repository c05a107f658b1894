// DHCP as Kea's own load generator sees it: through a relay's address, which it always sets.

import type { Bench } from "./bench.ts";
import {
  type Counters,
  type DhcpContestant,
  type DhcpServer,
  GUEST_LINK,
  contestants,
} from "./dhcp-servers.ts";
import { TOLERATED_LOSS } from "./guests.ts";
import { type Findings, ratiosBetween } from "./measure.ts";
import { GATEWAY } from "./node.ts";
import { highestRates } from "./rate-search.ts";
import { highestRow } from "./trial-rows.ts";
import { run } from "#test/netns/process.ts";

const PERFDHCP = "perfdhcp";
/** Where the relay lives: the last address of the subnet, which no trial's guests reach. */
const RELAY_ADDRESS = "10.91.255.254/15";
const ROUNDS = 5;
const SECONDS = 3;
const QUICK_SECONDS = 1;
const QUICK_RATE = 100;
const WARM_UP = { rate: 2_000, seconds: 2 };
const CLIENTS = 100_000;
/** How long it waits for answers after its last packet, as the raw guests do: what is on its way when it ends is not lost. */
const LAST_ANSWER_US = 1_500_000;
/** perfdhcp ends with 3 when it did not get everything that it waited for: that is a finding, not a failure. */
const INCOMPLETE = 3;
/** perfdhcp keeps its receive buffer at the system's default, which loses its own packets at these rates. */
const BUFFER_SETTING = "net.core.rmem_default";
const BUFFER_BYTES = 8 * 1024 * 1024;

interface RelayTrial {
  readonly contestant: string;
  readonly rate: number;
  readonly sent: number;
  readonly bound: number;
  readonly lost: number;
  readonly counters: Counters;
}

export const perfdhcpBench: Bench = {
  name: "perfdhcp",
  title: "DHCP, perfdhcp as a relay",
  async measure({ quick, progress }): Promise<Findings> {
    await using _buffer = await largerBuffer();
    const trials: RelayTrial[] = [];
    const attempt = async (one: DhcpContestant, rate: number): Promise<boolean> => {
      const trial = await tryRelay(one, rate, quick);
      trials.push(trial);
      progress(`${one.name} at ${rate}/s: ${(trial.lost * 100).toFixed(3)} % lost`);
      return trial.lost < TOLERATED_LOSS;
    };
    const runners = contestants.map((one) => ({
      name: one.name,
      passes: (rate: number) => attempt(one, rate),
    }));
    if (quick) for (const one of contestants) await attempt(one, QUICK_RATE);
    const found = quick ? new Map() : await highestRates(runners, ROUNDS, progress);
    const measurements = highestRow("highest lossless rate", found);
    return {
      measurements,
      ratios: ratiosBetween(measurements, "cocoon-net", "Kea"),
      notes: [
        `perfdhcp -4 -g single, ${SECONDS} s a trial, new server each time; ${BUFFER_SETTING} is ${BUFFER_BYTES} while it runs, for perfdhcp's sake, and so is Kea's receive buffer.`,
        "perfdhcp shares the machine's processors with the server and is itself the limit above some 10,000 to 20,000 exchanges a second: what the servers' own sockets dropped is in the counters.",
        "cocoon-net runs with dhcp.allowRelay, which is off by default.",
      ],
      counters: trials,
    };
  },
};

async function tryRelay(one: DhcpContestant, rate: number, quick: boolean): Promise<RelayTrial> {
  await using server = await one.start({ relay: true });
  await server.guests.exec(["ip", "address", "add", RELAY_ADDRESS, "dev", GUEST_LINK]);
  if (!quick) await perfdhcp(server, WARM_UP.rate, WARM_UP.seconds);
  const { sent, bound } = await perfdhcp(server, rate, quick ? QUICK_SECONDS : SECONDS);
  const counters = await server.counters();
  return { contestant: one.name, rate, sent, bound, lost: (sent - bound) / sent, counters };
}

async function perfdhcp(
  server: DhcpServer,
  rate: number,
  seconds: number,
): Promise<{ sent: number; bound: number }> {
  const load = ["-r", String(rate), "-p", String(seconds), "-R", String(CLIENTS)];
  const how = ["-g", "single", "-W", String(LAST_ANSWER_US)];
  const command = [PERFDHCP, "-4", ...load, ...how, "-l", GUEST_LINK, GATEWAY];
  const { code, stdout, stderr } = await server.guests.attempt(command);
  if (code !== 0 && code !== INCOMPLETE)
    throw new Error(`${command.join(" ")}: exit code ${code}\n${stdout}${stderr}`);
  return {
    sent: statistic(stdout, "DISCOVER-OFFER", "sent packets"),
    bound: statistic(stdout, "REQUEST-ACK", "received packets"),
  };
}

function statistic(report: string, exchange: string, name: string): number {
  const section = report.split(`Statistics for: ${exchange}`)[1] ?? "";
  const match = new RegExp(`^${name}: (\\d+)`, "m").exec(section);
  if (match === null)
    throw new Error(`perfdhcp's report has no ${name} of ${exchange}:\n${report}`);
  return Number(match[1]);
}

/** Not a setting of a namespace but of the machine: put back whatever happens. */
async function largerBuffer(): Promise<AsyncDisposable> {
  const before = (await run(["sysctl", "-n", BUFFER_SETTING])).trim();
  const set = (value: string): Promise<string> =>
    run(["sysctl", "-q", `${BUFFER_SETTING}=${value}`]);
  await set(String(BUFFER_BYTES));
  return {
    async [Symbol.asyncDispose]() {
      await set(before);
    },
  };
}
