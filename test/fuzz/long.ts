// The long run by hand: as many inputs as are promised against the real broker; writes report.json.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { exit, stdout } from "node:process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GROWTH, runCampaign } from "./campaign.ts";
import { fuzzSeed } from "./seed.ts";

/** Of each kind of input, what must get past the first length check. */
const SHARE = 0.5;
const { values } = parseArgs({
  options: {
    packets: { type: "string", default: "1000000" },
    bodies: { type: "string", default: "200000" },
    confs: { type: "string", default: "200000" },
    rate: { type: "string", default: "3000" },
    report: { type: "string", default: join(import.meta.dirname, "report.json") },
  },
});
const { packets, bodies, confs } = values;
const seed = fuzzSeed();
const codec = spawnSync(
  process.execPath,
  [
    join(import.meta.dirname, "codec.ts"),
    "--seed",
    `${seed}`,
    "--packets",
    packets,
    "--confs",
    confs,
  ],
  { encoding: "utf8" },
);
if (codec.status !== 0) {
  stdout.write(`${codec.stdout}${codec.stderr}`);
  exit(1);
}
const live = await runCampaign({
  seed,
  packets: Number(packets),
  bodies: Number(bodies),
  confs: Number(confs),
  rate: Number(values.rate),
  everyPlugin: 50,
});
const report = { inProcess: JSON.parse(codec.stdout) as unknown, live };
writeFileSync(values.report, `${JSON.stringify(report, undefined, 2)}\n`);
stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
const { memory, faults, ...inputs } = live;
const shares = [inputs.packets.share, inputs.bodies.share, inputs.confs.share];
if (faults.length > 0 || memory.afterKib > memory.beforeKib * (1 + GROWTH)) exit(1);
if (Math.min(...shares, inputs.packets.reachedServer / inputs.packets.sent) < SHARE) exit(1);
