// ADD and DEL as the plugin asks for them, from within the benchmark's process: for filling a ledger and wearing a broker.

import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Agent, request } from "node:http";
import * as z from "zod/mini";
import type { BenchNode } from "./node.ts";

const answerSchema = z.object({
  exitCode: z.number(),
  stdout: z.string(),
  confirm: z.optional(z.string()),
});
const REQUEST_LIMIT_MS = 60_000;
export const PARALLEL_CALLS = 64;

export interface CniClient extends Disposable {
  /** ADD, and the confirmation that its result was delivered. */
  add(containerId: string): Promise<void>;
  del(containerId: string): Promise<void>;
}

export async function createCniClient(node: BenchNode): Promise<CniClient> {
  const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL_CALLS });
  const netns = await identityOf(node.containers.path);
  const ownNetns = await identityOf("/proc/self/ns/net");
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const post = (path: string, body: unknown): Promise<string> =>
    postJson(agent, node.broker.paths.socket, path, body);
  const call = async (verb: string, containerId: string): Promise<z.infer<typeof answerSchema>> => {
    const env = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: node.containers.path,
      CNI_IFNAME: "eth0",
      CNI_PATH: node.broker.paths.plugins,
    };
    // CLOCK_MONOTONIC, which CLOCK_BOOTTIME equals on a machine that never slept.
    const stamp = { bootId, boottime: String(process.hrtime.bigint()) };
    const body = { version: "0.1.0", env, stdin: node.conf, stamp, netns, ownNetns };
    const answer = z.parse(answerSchema, JSON.parse(await post("/v1/cni", body)));
    if (answer.exitCode !== 0) throw new Error(`${verb} of ${containerId}: ${answer.stdout}`);
    return answer;
  };
  return {
    async add(containerId) {
      const { confirm } = await call("ADD", containerId);
      if (confirm !== undefined) await post("/v1/cni/confirm", { confirm });
    },
    async del(containerId) {
      await call("DEL", containerId);
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

async function identityOf(path: string): Promise<{ dev: string; ino: string }> {
  const { dev, ino } = await stat(path, { bigint: true });
  return { dev: String(dev), ino: String(ino) };
}

function postJson(agent: Agent, socketPath: string, path: string, body: unknown): Promise<string> {
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const options = { agent, socketPath, path, method: "POST", headers, timeout: REQUEST_LIMIT_MS };
    const call = request(options, (reply) => {
      let received = "";
      reply.setEncoding("utf8").on("data", (part: string) => (received += part));
      reply.on("end", () => {
        const status = reply.statusCode ?? 0;
        if (status < 300) resolve(received);
        else reject(new Error(`POST ${path}: status ${status}: ${received}`));
      });
      reply.on("error", reject);
    });
    call.on("timeout", () => call.destroy(new Error(`POST ${path}: no reply in time`)));
    call.on("error", reject);
    call.end(text);
  });
}

/** Runs `task` for every number below `count`, so many at a time. */
export async function inParallel(
  count: number,
  task: (number: number) => Promise<void>,
  parallel: number = PARALLEL_CALLS,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const number = next;
      next += 1;
      await task(number);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, parallel) }, worker));
}

/** Brings a node to so many leases; `from` are there already. */
export async function fill(node: BenchNode, from: number, to: number): Promise<void> {
  using client = await createCniClient(node);
  await inParallel(to - from, (number) => client.add(`held-${from + number}`));
}
