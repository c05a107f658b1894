// What reads packets and calls, in process and guided by coverage: nothing throws, nothing outside is read, all comes back.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { fuzzSeed } from "./seed.ts";

const PACKETS = 50_000;
const CONFS = 10_000;
/** Of all inputs, those that must get past the first length check, or the first look at a conf's form. */
const SHARE = 0.5;

const ran = z.object({ inputs: z.number(), past: z.number(), share: z.number(), kept: z.number() });
const report = z.object({ packets: ran, confs: ran, covered: z.number() });

it(`reads ${PACKETS} packets and ${CONFS} confs`, () => {
  const counts = ["--packets", String(PACKETS), "--confs", String(CONFS)];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "codec.ts"), "--seed", String(fuzzSeed()), ...counts],
    { encoding: "utf8" },
  );
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  const { packets, confs, covered } = report.parse(JSON.parse(stdout));
  process.stdout.write(`past the first check: packets ${packets.share}, confs ${confs.share}\n`);
  expect(packets).toMatchObject({ inputs: PACKETS });
  expect(confs).toMatchObject({ inputs: CONFS });
  expect(Math.min(packets.share, confs.share)).toBeGreaterThanOrEqual(SHARE);
  expect(packets.kept * confs.kept * covered).toBeGreaterThan(0);
});
