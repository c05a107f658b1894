// The CNI side with the real leasing behind it, on a store in memory: no socket, no disk, no kernel.

import { ip } from "#core/address.ts";
import { Ledger } from "#core/ledger.ts";
import { nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Pool } from "#core/range.ts";
import type { ReadCall } from "#broker/cni/call.ts";
import type { ContainerLeasing } from "#broker/cni/leasing-port.ts";
import { type Cni, type CniReply, createCni } from "#broker/cni/verbs.ts";
import { createContainers } from "#broker/containers.ts";
import { createEffects } from "#broker/effects.ts";
import { Leasing } from "#broker/leasing.ts";
import { openMemoryStore } from "#test/fakes/memory-store.ts";

const BOOT = "11111111-2222-3333-4444-555555555555";

export function fixturePool(subnet = "10.88.0.0/24"): Pool {
  const prefix = parsePrefix(subnet);
  if (prefix === undefined) throw new Error(`no prefix: ${subnet}`);
  return nodePool({ subnet: prefix, gateway: ip("10.88.0.1") });
}

export interface Fixture {
  readonly cni: Cni;
  readonly ledger: Ledger;
  readonly world: World;
  /** Durable changes that were made. */
  readonly commits: () => number;
}
/** What a test may change while the broker runs. */
interface World {
  serving: boolean;
  pool: Pool | undefined;
  readonly missingRoutes: Set<string>;
  readonly files: Map<string, string>;
}

export interface FixtureOptions {
  /** Puts a test's own behaviour before the leasing side. */
  readonly wrap?: (leasing: ContainerLeasing) => ContainerLeasing;
  /** The boot that runs now: by default the one of {@link callBody}'s stamps. */
  readonly bootId?: string;
  readonly readText?: (path: string, limit: number) => Promise<string>;
}

export function brokerFixture(options: FixtureOptions = {}): Fixture {
  const { wrap = (leasing) => leasing, bootId = BOOT } = options;
  const ledger = new Ledger();
  const world: World = {
    serving: true,
    pool: fixturePool(),
    missingRoutes: new Set(),
    files: new Map(),
  };
  let commits = 0;
  const effects = createEffects({
    store: openMemoryStore(),
    routes: {
      list: () => Promise.resolve([]),
      stands: () => Promise.resolve(true),
      apply: (changes) => Promise.resolve(changes.map(() => undefined)),
    },
    mirror: {
      read: () => Promise.resolve(undefined),
      digest: () => "",
      write: () => Promise.resolve(""),
    },
  });
  const clock = { now: () => 1_800_000_000_000, boottime: () => 0 };
  const leasing = createContainers({
    leasing: new Leasing({
      ledger,
      effects,
      clock,
      bootId,
      emit: () => undefined,
      committed: (_cause, changes) => {
        commits += changes.length;
      },
      trouble: (_what, error) => {
        throw error;
      },
    }),
    routeStands: (address) => Promise.resolve(!world.missingRoutes.has(address)),
    serving: () => world.serving,
  });
  const readText = (path: string): Promise<string> => {
    const text = world.files.get(path);
    return text === undefined
      ? Promise.reject(new Error(`${path} does not exist`))
      : Promise.resolve(text);
  };
  const node = { pool: () => world.pool, serving: () => world.serving };
  return {
    cni: createCni({
      leasing: wrap(leasing),
      node,
      bootId,
      readText: options.readText ?? readText,
    }),
    ledger,
    world,
    commits: () => commits,
  };
}

let boottime = 1_000n;

/** A call as the plugin sends it. `env` and `conf` are laid over working ones; `undefined` in `env` removes a variable. */
export function callBody(
  command: string,
  conf: object | string = {},
  env: Readonly<Record<string, string | undefined>> = {},
): { env: Record<string, string>; [key: string]: unknown } {
  const variables: Record<string, string | undefined> = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: "pod1",
    CNI_NETNS: "/run/netns/pod1",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/opt/cni/bin",
    ...env,
  };
  const set = Object.entries(variables).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  boottime += 1n;
  return {
    version: "0.1.0",
    env: Object.fromEntries(set),
    stdin: typeof conf === "string" ? conf : JSON.stringify({ ...BASE_CONF, ...conf }),
    stamp: { bootId: BOOT, boottime: boottime.toString() },
  };
}

export const BASE_CONF = { cniVersion: "1.1.0", name: "mynet", ipam: { type: "cocoon-ipam" } };

/** The success JSON of a reply that must be one. */
export function successOf(reply: CniReply): Record<string, unknown> {
  if (reply.exitCode !== 0) throw new Error(`failed: ${reply.stdout}`);
  return JSON.parse(reply.stdout);
}

/** The error JSON of a reply that must be one. */
export function errorOf(reply: CniReply): {
  cniVersion: string;
  code: number;
  msg: string;
  details: string;
} {
  if (reply.exitCode !== 1) throw new Error(`succeeded: ${reply.stdout}`);
  return JSON.parse(reply.stdout);
}

/** Addresses of a result of spec version 0.3.0 or later, without prefix length. */
export function addressesOf(reply: CniReply): readonly string[] {
  const { ips } = successOf(reply);
  if (!Array.isArray(ips)) throw new Error(`no ips: ${reply.stdout}`);
  return ips.map((entry: { address: string }) => entry.address.split("/")[0] ?? "");
}

/** The failure of a call that must have been refused. */
export function refusal(call: ReadCall): { code: number; message: string; details: string } {
  if (call.verb !== "refused") throw new Error(`not refused: ${JSON.stringify(call)}`);
  return call.failure;
}
