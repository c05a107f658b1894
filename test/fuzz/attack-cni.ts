// Plays damaged CNI calls on POST /v1/cni, and some through the real plugin, and keeps a book of what was granted.

import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { z } from "zod";
import { cniAnswer } from "#broker/api/contract.ts";
import { bootNanoseconds } from "#broker/linux/libc.ts";
import { COCOON_IPAM } from "#test/netns/broker.ts";
import { runPlugin } from "#test/plugin/plugin-process.ts";
import { randomFrom } from "#test/torture/random.ts";
import { type Call, confCorpus, makeCall } from "./confs.ts";
import { keepRegression, readRegressions } from "./regressions.ts";

const LANES = 6;
const MAX_BODY_BYTES = 1024 * 1024;
/** Broken promises that are worth a file each: behind a fall, everything breaks. */
export const MAX_FAULTS = 5;
/** libcni's code for a fault of the plugin's own. */
const INTERNAL = 999;
const DEEP = 50;
const failureText = z.object({
  cniVersion: z.string(),
  code: z.number(),
  msg: z.string().min(1),
  details: z.string(),
});

export interface CniAttacked {
  readonly sent: number;
  /** Calls whose conf got past the look at its form. */
  readonly past: number;
  /** Calls through the plugin's executable, of all that were sent. */
  readonly throughPlugin: number;
  /** Containers that were granted an address at some time. */
  readonly granted: ReadonlySet<string>;
  readonly faults: readonly string[];
}

export interface CniTarget {
  readonly socket: string;
  readonly spool: string;
}

/** One call in `every` goes through the plugin. */
export async function attackCni(
  target: CniTarget,
  setting: { readonly seed: number; readonly count: number; readonly every: number },
): Promise<CniAttacked> {
  const { seed, count, every } = setting;
  const random = randomFrom(seed);
  const seeds = confCorpus.map((conf) => JSON.stringify(conf));
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const again = readRegressions().flatMap((one) => (one.kind === "call" ? [one.input] : []));
  const granted = new Set<string>();
  const faults: string[] = [];
  let [begun, past, throughPlugin] = [0, 0, 0];
  const lane = async (): Promise<void> => {
    while (begun < count && faults.length < MAX_FAULTS) {
      begun += 1;
      const call = again.pop() ?? makeCall(random, seeds);
      const plugin = begun % every === 0 ? pluginCall(call, target) : undefined;
      if (plugin !== undefined) throughPlugin += 1;
      const made = plugin ?? call;
      const answer = await (plugin === undefined
        ? post(target.socket, agent, made, bootId)
        : exec(plugin));
      const fault = faultOf(answer);
      if (fault !== undefined) {
        faults.push(`${made.verb}: ${fault}`);
        keepRegression(`call-${seed}-${begun}`, { kind: "call", input: made, why: fault });
      }
      if (answer.exitCode === 0 && made.env["CNI_COMMAND"] === "ADD")
        granted.add((made.env["CNI_CONTAINERID"] ?? "").trim());
      if (!answer.stdout.includes("error parsing the network config")) past += 1;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  agent.destroy();
  return { sent: count, past, throughPlugin, granted, faults };
}

interface Printed {
  readonly exitCode: number | null;
  readonly stdout: string;
}

/** A success prints a result or nothing; a failure one object of the spec's form, and never "my own fault". */
function faultOf({ exitCode, stdout }: Printed): string | undefined {
  if (exitCode === 0) return undefined;
  const parsed = exitCode === 1 ? failureText.safeParse(asJson(stdout)) : undefined;
  if (parsed?.success !== true) return `exit ${exitCode} with ${stdout.slice(0, 300)}`;
  return parsed.data.code === INTERNAL ? `a fault of its own: ${stdout.slice(0, 500)}` : undefined;
}

function post(socketPath: string, agent: Agent, call: Call, bootId: string): Promise<Printed> {
  const stamp = { bootId, boottime: bootNanoseconds().toString() };
  const { env, stdin } = call;
  const text = JSON.stringify({ version: "0.1.0", env, stdin, stamp });
  const body = Buffer.from(text.length > MAX_BODY_BYTES ? "{}" : text);
  return new Promise((resolve) => {
    const headers = { host: "cocoon-net", "content-length": body.length };
    const sent = request(
      { socketPath, agent, method: "POST", path: "/v1/cni", headers },
      (response) => {
        let received = "";
        response.setEncoding("utf8").on("data", (part: string) => (received += part));
        response.on("end", () => {
          const answer = cniAnswer.safeParse(asJson(received));
          resolve(answer.success ? answer.data : { exitCode: null, stdout: received });
        });
      },
    );
    // A connection that ends without an answer is no answer that a plugin could print.
    sent.on("error", (error) => resolve({ exitCode: null, stdout: String(error) }));
    sent.end(body);
  });
}

/** The call with our socket and spool, where there is an object to put them in: no other may go to the machine's own. */
function pluginCall(call: Call, { socket, spool }: CniTarget): Call | undefined {
  const conf = z.looseObject({ ipam: z.looseObject({}) }).safeParse(asJson(call.stdin));
  const clean = Object.values(call.env).every((value) => !value.includes("\0"));
  // The plugin reads no deeper than a hundred levels, and would then go by its defaults.
  if (!conf.success || !clean || call.stdin.includes("[".repeat(DEEP))) return undefined;
  const { ipam } = conf.data;
  return { ...call, stdin: JSON.stringify({ ...conf.data, ipam: { ...ipam, socket, spool } }) };
}

async function exec({ env, stdin }: Call): Promise<Printed> {
  const { code, stdout } = await runPlugin(COCOON_IPAM, { env, stdin });
  return { exitCode: code, stdout };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever asked checks the form anyway.
    return undefined;
  }
}
