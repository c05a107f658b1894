// One fuzzing run against the real broker: everything at once, while those who behave are served, and what it found as data.

import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { leasesOf } from "#test/crash/oracle.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type ApiAttacked, attackApi } from "./attack-api.ts";
import { type CniAttacked, attackCni } from "./attack-cni.ts";
import { type FuzzNode, startFuzzNode, startGoodGuests, wholePod } from "./fuzz-node.ts";

export interface Counts {
  readonly packets: number;
  readonly bodies: number;
  readonly confs: number;
}
export interface Wanted extends Counts {
  readonly seed: number;
  /** Packets a second. */
  readonly rate: number;
  /** One conf in so many goes through the plugin's executable. */
  readonly everyPlugin: number;
}

/** Of the same traffic, before memory is looked at first; and how long it may take to settle afterwards. */
const WARM_UP = 0.1;
const SETTLE_LIMIT_MS = 90_000;
/** The broker gives back what a burst took once it has been idle for a quarter of a minute. */
const IDLE_MS = 18_000;
/** Growth that is allowed, as a share. */
export const GROWTH = 0.1;
/** Of the broker's log, in characters, when it fell. */
const LAST_WORDS = 4_000;
const POD_PAUSE_MS = 150;

const flooded = z.object({ sent: z.number(), past: z.number(), passesFilter: z.number() });
type Flooded = z.infer<typeof flooded>;

export interface Report {
  readonly seed: number;
  readonly packets: Flooded & { readonly share: number; readonly reachedServer: number };
  readonly bodies: { readonly sent: number; readonly past: number; readonly share: number };
  readonly confs: {
    readonly sent: number;
    readonly past: number;
    readonly share: number;
    readonly throughPlugin: number;
  };
  readonly memory: { readonly beforeKib: number; readonly afterKib: number };
  readonly guests: {
    readonly exchanges: number;
    readonly failed: number;
    readonly repeated: number;
  };
  readonly pods: { readonly exchanges: number; readonly failed: number };
  readonly seconds: number;
  /** Every broken promise, in words. */
  readonly faults: readonly string[];
}

export async function runCampaign(wanted: Wanted): Promise<Report> {
  const began = performance.now();
  await using node = await startFuzzNode();
  const guests = await startGoodGuests(node);
  const pods = startGoodPods(node);
  await storm(node, { ...scaled(wanted, WARM_UP), seed: wanted.seed ^ 0x5eed });
  const before = await settled(node, guests, pods, undefined);
  const held = await node.held();
  const reached = await arrivals(node);
  const { packets, bodies, confs } = await storm(node, wanted);
  const reachedServer = (await arrivals(node)) - reached;
  const faults = [...bodies.faults, ...confs.faults, ...(await strangers(node, confs))];
  const after = await settled(node, guests, pods, before * (1 + GROWTH));
  const podsTold = await pods.end();
  const { failures, exchanges, failed, repeated } = await guests.end();
  if (JSON.stringify(await node.held()) !== JSON.stringify(held))
    faults.push(`holders had ${held.join(", ")}, have ${(await node.held()).join(", ")}`);
  // What the broker itself takes for its own fault.
  for (const line of node.broker.logs().match(/^.*"code":"internal".*$/gm) ?? []) faults.push(line);
  return {
    seed: wanted.seed,
    packets: { ...packets, share: share(packets), reachedServer },
    bodies: { sent: bodies.sent, past: bodies.past, share: share(bodies) },
    confs: {
      sent: confs.sent,
      past: confs.past,
      share: share(confs),
      throughPlugin: confs.throughPlugin,
    },
    memory: { beforeKib: before, afterKib: after },
    guests: { exchanges, failed, repeated },
    pods: { exchanges: podsTold.exchanges, failed: podsTold.failures.length },
    seconds: Math.round((performance.now() - began) / 1_000),
    faults: [...faults, ...failures, ...podsTold.failures],
  };
}

const share = ({ past, sent }: { past: number; sent: number }): number =>
  Number((past / sent).toFixed(3));

const scaled = (wanted: Wanted, part: number): Wanted => ({
  ...wanted,
  packets: Math.ceil(wanted.packets * part),
  bodies: Math.ceil(wanted.bodies * part),
  confs: Math.ceil(wanted.confs * part),
});

interface Storm {
  readonly packets: Flooded;
  readonly bodies: ApiAttacked;
  readonly confs: CniAttacked;
}

/** All three at once. */
async function storm(node: FuzzNode, wanted: Wanted): Promise<Storm> {
  const { seed, packets, bodies, confs, everyPlugin, rate } = wanted;
  const { socket, state } = node.broker.paths;
  const settings = { seed: `${seed}`, count: `${packets}`, rate: `${rate}` };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const [flood, api, cni] = await Promise.all([
    node.run(node.attacker, "flood.ts", ...flags).exited,
    attackApi(socket, seed + 1, bodies),
    attackCni(
      { socket, spool: `${state}/spool` },
      { seed: seed + 2, count: confs, every: everyPlugin },
    ),
  ]);
  if (node.broker.ended() !== undefined)
    throw new Error(`the broker fell, seed ${seed}:\n${node.broker.logs().slice(-LAST_WORDS)}`);
  if (flood.code !== 0) throw new Error(`the flood ended: ${flood.stderr}`);
  return { packets: flooded.parse(JSON.parse(flood.stdout)), bodies: api, confs: cni };
}

/** Packets that the server has read, answered or not, since its start. */
async function arrivals(node: FuzzNode): Promise<number> {
  const { body } = await node.broker.ask("GET", "/metrics");
  const unread =
    /too-short|no-cookie|option-length|not-a-request|hardware|bootp|message-type|address-option|incomplete/;
  let total = 0;
  for (const [, metric, label = "", value] of String(body).matchAll(
    /^cocoon_net_dhcp_(packets|dropped)_total\{[a-z]+="([^"]*)"\} ([0-9.e+]+)$/gm,
  ))
    if (metric === "packets" || unread.test(label)) total += Number(value);
  return total;
}

/** Leases of damaged calls that nobody was told of: a refused call must not leave one. */
async function strangers(node: FuzzNode, { granted }: CniAttacked): Promise<string[]> {
  const leases = await leasesOf(node.broker);
  return leases.flatMap(({ ip, state, ownerParts }) => {
    const id = ownerParts?.containerId ?? "";
    const known = /^(good|holder)-/.test(id) || granted.has(id) || state !== "leased";
    return ownerParts?.kind !== "container" || known ? [] : [`${ip} went to ${id} unasked`];
  });
}

interface Pausable {
  pause(paused: boolean): void;
}

/** Memory once everybody is quiet: as soon as it is within the limit, else the last value before patience ends. */
async function settled(
  node: FuzzNode,
  guests: Pausable,
  pods: Pausable,
  limit: number | undefined,
): Promise<number> {
  for (const client of [guests, pods]) client.pause(true);
  let memory = node.memory();
  if (limit === undefined) {
    await delay(IDLE_MS);
    memory = node.memory();
  } else
    await waitFor(() => (memory = node.memory()) <= limit, {
      limit: SETTLE_LIMIT_MS,
      what: "memory to settle",
    }).catch(() => undefined);
  for (const client of [guests, pods]) client.pause(false);
  return memory;
}

function startGoodPods(node: FuzzNode): Pausable & {
  end(): Promise<{ exchanges: number; failures: readonly string[] }>;
} {
  const failures: string[] = [];
  let [exchanges, paused, running] = [0, false, true];
  const loop = async (): Promise<void> => {
    while (running) {
      if (!paused) {
        exchanges += 1;
        await wholePod(node, exchanges).catch((thrown: unknown) => failures.push(String(thrown)));
      }
      await delay(POD_PAUSE_MS);
    }
  };
  const ended = loop();
  return {
    pause: (now) => void (paused = now),
    async end() {
      running = false;
      await ended;
      return { exchanges, failures };
    },
  };
}
