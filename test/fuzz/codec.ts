// A process that fuzzes what reads packets and calls, guided by coverage; prints what it did as JSON, 1 when a promise broke.

import { argv, exit, stdout } from "node:process";
import { parseArgs } from "node:util";
import { type Random, randomFrom } from "#test/torture/random.ts";
import { checkCall } from "./check-call.ts";
import { checkPacket } from "./check-packet.ts";
import { type Call, confCorpus, makeCall } from "./confs.ts";
import { followCoverage } from "./coverage.ts";
import { type Ran, runGuided } from "./guided.ts";
import { minimize } from "./minimize.ts";
import { makePacket, packetCorpus } from "./packets.ts";
import { type Regression, keepRegression, readRegressions } from "./regressions.ts";

const SCENE = { server: [10, 207, 0, 1], network: [10, 207] } as const;

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seed: { type: "string", default: "1" },
    packets: { type: "string", default: "50000" },
    confs: { type: "string", default: "10000" },
  },
});
const seed = Number(values.seed);
for (const one of readRegressions()) {
  if (one.kind === "packet") checkPacket(Uint8Array.from(Buffer.from(one.input, "hex")));
  if (one.kind === "call") checkCall(one.input);
}
using coverage = await followCoverage(["/broker/dhcp/", "/broker/cni/"]);
const packets = await fuzzPackets(randomFrom(seed), Number(values.packets));
const confs = await fuzzCalls(randomFrom(seed + 1), Number(values.confs));
const report = {
  seed,
  packets: summary(packets),
  confs: summary(confs),
  covered: coverage.covered(),
};
stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
if (packets.failure !== undefined || confs.failure !== undefined) exit(1);

async function fuzzPackets(random: Random, count: number): Promise<Ran<Uint8Array>> {
  const seeds = [...packetCorpus];
  const ran = await runGuided({
    count,
    coverage,
    make: () => makePacket(random, seeds, SCENE),
    check: checkPacket,
    keep: (input) => seeds.push(input),
  });
  if (ran.failure !== undefined) {
    const fails = (bytes: readonly number[]) => throws(() => checkPacket(Uint8Array.from(bytes)));
    const least = minimize([...ran.failure.input], fails);
    tell({
      kind: "packet",
      input: Buffer.from(least).toString("hex"),
      why: why(ran.failure.error),
    });
  }
  return ran;
}

async function fuzzCalls(random: Random, count: number): Promise<Ran<Call>> {
  const seeds = confCorpus.map((conf) => JSON.stringify(conf));
  const ran = await runGuided({
    count,
    coverage,
    make: () => makeCall(random, seeds),
    check: checkCall,
    keep: ({ stdin }) => seeds.push(stdin),
  });
  if (ran.failure !== undefined) {
    const { input, error } = ran.failure;
    const least = minimize(input.stdin.split(""), (letters) =>
      throws(() => checkCall({ ...input, stdin: letters.join("") })),
    );
    tell({ kind: "call", input: { ...input, stdin: least.join("") }, why: why(error) });
  }
  return ran;
}

function tell(found: Regression): void {
  const path = keepRegression(`${found.kind}-${seed}`, found);
  stdout.write(`FUZZ_SEED=${seed}: ${found.why}\nThe least input that shows it: ${path}\n`);
}

function summary({ inputs, past, kept }: Ran<unknown>) {
  return { inputs, past, share: Number((past / inputs).toFixed(3)), kept };
}

function throws(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch {
    // Any broken promise counts: a shorter way to another one is as good.
    return true;
  }
}

const why = (error: unknown): string =>
  error instanceof Error ? error.message.slice(0, 500) : String(error);
