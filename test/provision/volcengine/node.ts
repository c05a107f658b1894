// A node beside the fake cloud: init and teardown as the commands run them, over real HTTP, with time that passes quickly.

import { ipFromNumber } from "#core/address.ts";
import { type Prefix, parsePrefix } from "#core/prefix.ts";
import type { CloudPlan, Goal } from "#provision/cloud.ts";
import type { NodeIdentity } from "#provision/journal.ts";
import { type InitResult, prepareInit } from "#provision/init.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { formatPoolFile, parsePoolFile } from "#provision/pool-file.ts";
import { prepareRemoval } from "#provision/removal.ts";
import type { RetryLimits, Timing } from "#provision/retry.ts";
import type { SagaReport } from "#provision/saga.ts";
import { openVolcengine } from "#provision/volcengine/cloud.ts";
import { FakeVolcengine } from "#test/clouds/volcengine/fake.ts";
import {
  ACCESS_KEY,
  NODES,
  SECRET_KEY,
  type StandardOptions,
  standardScenario,
} from "#test/clouds/volcengine/standard-scenario.ts";
import { FakeHost } from "./fake-host.ts";

/** Every wait of the product takes this part of its time. */
const SPEED = 1 / 2_000;

/** Time that runs with the fake's own, whose clock is scaled: for many nodes at once. */
export function scaledTiming(fake: FakeVolcengine, scale: number): Timing {
  return {
    now: () => fake.now(),
    sleep: async (milliseconds, signal) => {
      await new Promise<void>((resolve) => void setTimeout(resolve, milliseconds / scale));
      signal.throwIfAborted();
    },
    random: Math.random,
  };
}

/** Time that runs fast: sleeps are short, and the clock shows as much as they were meant to take. */
export function fastTiming(fake: FakeVolcengine): Timing {
  return {
    now: () => fake.now(),
    sleep: async (milliseconds, signal) => {
      signal.throwIfAborted();
      fake.advance(milliseconds);
      await new Promise<void>((resolve) => void setTimeout(resolve, milliseconds * SPEED));
      signal.throwIfAborted();
    },
    random: () => 0.5,
  };
}

export const FAST_LIMITS: RetryLimits = {
  calls: 200,
  // Long enough for a busy machine: tests in which calls hang name a shorter one.
  callDeadline: 10_000,
  deadline: 30 * 60_000,
  firstWait: 500,
  longestWait: 20_000,
};

/** Nothing is late and nothing throttled: for tests that are about something else. */
export const PROMPT = {
  transition: { polls: 0 },
  notFound: { polls: 0 },
  stale: { polls: 0 },
  subnetRelease: { polls: 0 },
  metadata: { polls: 0 },
  readRate: { perSecond: 10_000, burst: 10_000 },
  writeRate: { perSecond: 10_000, burst: 10_000 },
};

export interface NodeOptions extends StandardOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly nodeName?: string;
  readonly index?: number;
  /** Milliseconds of the machine's own time that one call may take: as long as a call that hangs costs. */
  readonly callDeadline?: number;
  /** How many times faster than the machine's the fake's clock runs; absent: it is moved by what is slept. */
  readonly scale?: number;
}

export const block = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no block`);
  return parsed;
};

export const goalOf = (nodeName: string, change: Partial<Goal> = {}): Goal => {
  const subnet = change.subnet ?? block("172.20.100.0/24");
  return {
    nodeName,
    subnet,
    gateway: ipFromNumber(4, subnet.base + 1n),
    poolSize: 140,
    securityGroups: [],
    authorizeVpcIngress: false,
    ...change,
  };
};

/** What a person would have seen: `began`, `waiting` and `ended` lines. */
class Transcript implements SagaReport {
  readonly lines: string[] = [];
  began(step: { id: string }): void {
    this.lines.push(step.id);
  }
  waiting(_: unknown, text: string): void {
    this.lines.push(`  ${text}`);
  }
  ended(step: { id: string }, _: number, outcome: string, reason: string): void {
    if (outcome !== "done") this.lines.push(`  ${step.id} ${outcome}: ${reason}`);
  }
}

export async function openNode(options: NodeOptions = {}) {
  const fake = new FakeVolcengine(standardScenario({ settings: PROMPT, ...options }));
  const api = await fake.listen();
  const node = await joinNode(fake, api.url, options);
  return {
    ...node,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

/** One node more beside a fake that listens. */
export async function joinNode(fake: FakeVolcengine, url: string, options: NodeOptions = {}) {
  const index = options.index ?? 0;
  const instance = (options.nodes ?? NODES)[index] ?? "";
  const nodeName = options.nodeName ?? `node-${index + 1}`;
  const metadata = await fake.listenMetadata(instance);
  const host = FakeHost.beside(fake, instance);
  const environment = options.environment ?? {
    VOLCENGINE_ACCESS_KEY_ID: ACCESS_KEY,
    VOLCENGINE_SECRET_ACCESS_KEY: SECRET_KEY,
  };
  const transcript = new Transcript();
  const state: { file: string | undefined; callDeadline: number } = {
    file: undefined,
    callDeadline: options.callDeadline ?? FAST_LIMITS.callDeadline,
  };
  const pool = (): PoolFile | undefined =>
    state.file === undefined ? undefined : parsePoolFile(state.file, "pool.json");
  const save = (next: PoolFile) => {
    killed.signal.throwIfAborted();
    state.file = formatPoolFile(next);
    return Promise.resolve();
  };
  const open = () =>
    openVolcengine({
      environment: {
        VOLCENGINE_ENDPOINT: url,
        COCOON_NET_VOLCENGINE_METADATA: metadata.url,
        ...environment,
      },
      home: "/nonexistent",
      timing: options.scale === undefined ? fastTiming(fake) : scaledTiming(fake, options.scale),
      limits: { ...FAST_LIMITS, callDeadline: state.callDeadline },
      host,
    });
  let killed = new AbortController();
  let identity: NodeIdentity | undefined;
  const identify = async (): Promise<NodeIdentity> => {
    identity ??= await open().access.detect(new AbortController().signal);
    if (identity === undefined) throw new Error("the metadata server was not recognised");
    return identity;
  };
  const common = () => ({ now: () => fake.now(), save, signal: killed.signal });
  return {
    fake,
    host,
    state,
    pool,
    open,
    identify,
    transcript,
    nodeName,
    instance,
    /** Ends whatever runs as if the process were killed: nothing more is called or saved. */
    kill(): void {
      killed.abort(new Error("killed"));
      killed = new AbortController();
    },
    async init(
      change: Partial<Goal> = {},
    ): Promise<InitResult & { plan: CloudPlan; calls: ReadonlyMap<string, number> }> {
      const cloud = open();
      const settings = { dnsServers: [], dropInternalAccess: false, dropCIDRs: [] };
      const goal = goalOf(nodeName, change);
      const prepared = await prepareInit(cloud, {
        goal,
        settings,
        identity: await identify(),
        existing: pool(),
        ...common(),
      });
      const result = await prepared.run(transcript);
      return { ...result, plan: prepared.plan, calls: cloud.calls };
    },
    async teardown(includeUntagged = false): Promise<CloudPlan> {
      const cloud = open();
      const prepared = await prepareRemoval(cloud, {
        nodeName,
        identity: await identify(),
        existing: pool(),
        includeUntagged,
        ...common(),
      });
      await prepared.run(transcript);
      state.file = undefined;
      return prepared.plan;
    },
    async [Symbol.asyncDispose]() {
      await metadata[Symbol.asyncDispose]();
    },
  };
}

export type TestNode = Awaited<ReturnType<typeof openNode>>;
