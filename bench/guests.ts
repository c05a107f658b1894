// One trial of a DHCP server: fresh, warmed up, then asked by new guests at one rate for some seconds.

import * as z from "zod/mini";
import { waitFor } from "#test/netns/wait-for.ts";
import { type Counters, type DhcpContestant, GUEST_LINK } from "./dhcp-servers.ts";
import { processorSeconds } from "./processor.ts";

/** Share of exchanges that may be lost. */
export const TOLERATED_LOSS = 0.001;
/** Guests must come as fast as they should, or the trial says nothing about the server. */
const PUNCTUALITY = 0.98;
/** Fewer than a /15 has, warm-up included: nobody is refused because the pool is full. */
const MOST_GUESTS = 120_000;
/** Servers run for months: their compilers and tables are to be warm. */
const WARM_UP = { rate: 4_000, seconds: 5 };
/** Those that renew must have their leases: a rate at which a server loses next to nothing. */
const RENEWING_WARM_UP = { rate: 2_000, seconds: 10 };
/** For a server that cannot be warmed up like that. */
const COLD_WARM_UP = { rate: 100, seconds: 0.1 };
const TRIAL_LIMIT_MS = 60_000;

const latency = z.object({
  min: z.number(),
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  max: z.number(),
});
const reportSchema = z.object({
  warmSent: z.number(),
  warmBound: z.number(),
  sent: z.number(),
  offered: z.number(),
  bound: z.number(),
  refused: z.number(),
  /** Addresses that two guests were given. */
  doubled: z.number(),
  odd: z.number(),
  /** Frames that the guests' own socket lost. */
  receiverDrops: z.number(),
  sendingSeconds: z.number(),
  /** DISCOVER to ACK, in microseconds. */
  exchange: latency,
  /** REQUEST to ACK, in microseconds. */
  request: latency,
});

export interface Trial extends z.infer<typeof reportSchema> {
  readonly contestant: string;
  readonly rate: number;
  readonly seconds: number;
  readonly lost: number;
  readonly passed: boolean;
  /** Processor time of the server's process for one exchange, in microseconds. */
  readonly processorMicroseconds: number;
  readonly counters: Counters;
}

export interface TrialOptions {
  readonly program: string;
  readonly rate: number;
  readonly seconds: number;
  /** Without a warm-up, as a smoke test wants it. */
  readonly cold?: boolean;
  /** The guests of the warm-up renew their leases, instead of new ones coming. */
  readonly renew?: boolean;
}

const warmUpOf = ({ cold = false, renew = false }: TrialOptions) =>
  cold ? COLD_WARM_UP : renew ? RENEWING_WARM_UP : WARM_UP;

/** A warm-up in which too many were lost says nothing about the rate: it is repeated so often, with a new server each. */
const WARM_UPS = 3;

class WarmUpFailed extends Error {}

export async function tryRate(contestant: DhcpContestant, options: TrialOptions): Promise<Trial> {
  for (let left = WARM_UPS - 1; ; left -= 1) {
    try {
      return await tryOnce(contestant, options);
    } catch (thrown) {
      if (!(thrown instanceof WarmUpFailed) || left === 0) throw thrown;
    }
  }
}

async function tryOnce(contestant: DhcpContestant, options: TrialOptions): Promise<Trial> {
  await using server = await contestant.start({ relay: false });
  const warm = warmUpOf(options);
  const seconds = Math.min(
    options.seconds,
    (MOST_GUESTS - warm.rate * warm.seconds) / options.rate,
  );
  const numbers = [1, warm.rate, warm.seconds, options.rate, seconds].map(String);
  const renew = options.renew === true ? ["renew"] : [];
  await using guests = server.guests.spawn([options.program, GUEST_LINK, ...numbers, ...renew]);
  const started = (): boolean => {
    if (guests.exit() !== undefined)
      throw new WarmUpFailed(`the guests ended:\n${guests.stderr()}`);
    return guests.stdout().includes("measuring");
  };
  await waitFor(started, { what: "the end of the warm-up", limit: TRIAL_LIMIT_MS });
  const before = await processorSeconds(server.pid);
  const ended = (): boolean => guests.exit() !== undefined;
  await waitFor(ended, { what: "the guests' report", limit: TRIAL_LIMIT_MS });
  const used = (await processorSeconds(server.pid)) - before;
  const text = guests.stdout().split("\n")[1] ?? "";
  const report = z.parse(reportSchema, JSON.parse(text));
  if (report.doubled > 0)
    throw new Error(`${contestant.name} gave an address to two guests: ${text}`);
  const lost = (report.sent - report.bound) / report.sent;
  const punctual = report.sendingSeconds <= seconds / PUNCTUALITY;
  return {
    ...report,
    contestant: contestant.name,
    rate: options.rate,
    seconds,
    lost,
    passed: punctual && lost < TOLERATED_LOSS,
    processorMicroseconds: report.bound === 0 ? 0 : (used * 1e6) / report.bound,
    counters: await server.counters(),
  };
}
