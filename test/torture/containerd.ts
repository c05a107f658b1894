// The long torture run with containerd, by hand: as root, after make build.
// node test/torture/containerd.ts [--operations n] [--minutes n] [--seed n] [--report file]

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { tortureContainerd } from "./containerd-run.ts";

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "1000" },
    seed: { type: "string", default: process.env["TORTURE_SEED"] ?? "" },
    minutes: { type: "string", default: "Infinity" },
    report: { type: "string" },
  },
});

const seed = values.seed === "" ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
process.stdout.write(`TORTURE_SEED=${seed}\n`);
const report = await tortureContainerd(Number(values.operations), seed, Number(values.minutes));
const told = execFileSync("git", ["rev-parse", "HEAD"], {
  encoding: "utf8",
  cwd: import.meta.dirname,
});
const whole = { ...report, commit: told.trim() };
if (values.report !== undefined)
  writeFileSync(values.report, `${JSON.stringify(whole, undefined, 2)}\n`);
process.stdout.write(`${JSON.stringify(whole)}\n`);
