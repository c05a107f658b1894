// The real broker under damaged packets, requests and calls at once: it lives, serves those who behave, and does not grow.

import { expect, it } from "vitest";
import { GROWTH, runCampaign } from "./campaign.ts";
import { fuzzSeed } from "./seed.ts";

const PACKETS = 50_000;
const BODIES = 10_000;
const CONFS = 10_000;
/** Packets a second. */
const RATE = 3_000;
/** One conf in so many goes through the plugin's executable. */
const EVERY_PLUGIN = 50;
/** Of all inputs, those that must get past the first length check. */
const SHARE = 0.5;
const LIMIT_MS = 300_000;

it(
  `serves others through ${PACKETS} packets, ${BODIES} requests and ${CONFS} calls`,
  async () => {
    const counts = { packets: PACKETS, bodies: BODIES, confs: CONFS };
    const seed = fuzzSeed();
    const report = await runCampaign({ ...counts, seed, rate: RATE, everyPlugin: EVERY_PLUGIN });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    expect(report.faults).toEqual([]);
    const { packets, bodies, confs, memory, guests, pods } = report;
    expect([packets.sent, bodies.sent, confs.sent]).toEqual([PACKETS, BODIES, CONFS]);
    for (const share of [packets.share, bodies.share, confs.share])
      expect(share).toBeGreaterThanOrEqual(SHARE);
    expect(packets.reachedServer / packets.sent).toBeGreaterThanOrEqual(SHARE);
    expect(guests).toMatchObject({ failed: 0 });
    expect(pods).toMatchObject({ failed: 0 });
    expect(Math.min(guests.exchanges, pods.exchanges)).toBeGreaterThan(0);
    expect(memory.afterKib).toBeLessThanOrEqual(memory.beforeKib * (1 + GROWTH));
  },
  LIMIT_MS,
);
