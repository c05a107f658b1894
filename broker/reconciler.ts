// Task: ends leases whose holder is gone, on evidence that lasted; looks when links or namespaces change, not by a clock.

import { dirname } from "node:path";
import type { Ip } from "#core/address.ts";
import type { Moment } from "#core/attach.ts";
import type { Finding } from "#core/events.ts";
import {
  type Rivals,
  addressesSeenBy,
  findingOf,
  isJudged,
  isOfEarlierBoot,
  isOvertaken,
  judgedFrom,
  lastsFor,
  rivalsOf,
  successorOf,
} from "#core/judgement.ts";
import type { Attachment, Lease } from "#core/lease.ts";
import type { Evidence, NamespaceState } from "#core/ports.ts";
import type { Millis } from "#core/time.ts";
import { endAll } from "./ending.ts";
import type { Leasing } from "./leasing.ts";
import { type Task, pause } from "./task.ts";

/** A full look without any sign of a change, in milliseconds. */
const PERIOD = 3_600_000;
/** Changes within this time share one look, in milliseconds. */
const DEBOUNCE = 2_000;
/** Looks may take at most one part in this many of the time: with many leases they come more rarely. */
const SHARE = 20;
/** The longest rest after a look, however long it took: evidence that is due then, or comes, waits no longer. Milliseconds. */
const LONGEST_REST = 30_000;
/** After a look that failed, in milliseconds. */
const RETRY = 10_000;
/** How often it is asked whether the next look is due, in milliseconds: two comparisons. */
const TICK = 30_000;
/** Leases that are judged by one reading of the evidence; the next ones follow with a fresh one. */
const SLICE = 4_096;

export interface ReconcilerOptions {
  readonly leasing: Leasing;
  readonly evidence: Evidence;
  /** Told of the folders in which the containers' namespaces lie, so that somebody watches them. */
  readonly follow?: (folders: ReadonlySet<string>) => void;
  readonly trouble: (what: string, error: Error) => void;
}

export interface Reconciler extends Task {
  /** Links or namespaces changed: look soon. */
  touch(): void;
  /** Looks at every lease once; answers when the next look is due, in milliseconds of the leasing's clock. */
  look(signal?: AbortSignal): Promise<number>;
}

/** A lease that a look spoke against: the very record; `asked` and `at` are of the first such look. */
interface Suspect extends Against {
  readonly at: Millis;
}

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { leasing, trouble } = options;
  let suspects: ReadonlyMap<Ip, Suspect> = new Map();
  let early = new AbortController();
  let lastLook = 0;

  /**
   * The leases are read first and the evidence second, so that a lease made in between is not judged by older evidence; a
   * release is of the very record that was judged: one that was confirmed or answered again meanwhile has new evidence.
   */
  async function look(signal?: AbortSignal): Promise<number> {
    const { now, bootId } = leasing.moment();
    const all = [...leasing.ledger.leases()].filter(isJudged);
    options.follow?.(foldersOf(all));
    const rivals = rivalsOf(all, bootId);
    const judging = { ...options, moment: () => leasing.moment() };
    const found = new Map<Ip, Suspect>();
    const ended: Against[] = [];
    let next = now + PERIOD;
    for (let start = 0; start < all.length && signal?.aborted !== true; start += SLICE) {
      const slice = all.slice(start, start + SLICE);
      for (const one of await findingsOf(judging, slice, rivals)) {
        const { lease, finding } = one;
        const known = suspects.get(lease.ip);
        const before = known?.lease === lease ? known : undefined;
        // Somebody has answered for the address since it was asked for: whoever it is, it is in use.
        if (before !== undefined && one.answered >= before.asked) continue;
        const at = before?.at ?? now;
        const due = Math.max(judgedFrom(lease), at + lastsFor(lease, finding));
        if (before !== undefined && due <= now) ended.push(one);
        else {
          found.set(lease.ip, { ...one, asked: before?.asked ?? one.asked, at });
          next = Math.min(next, due);
        }
      }
    }
    await endAll(leasing, ended);
    suspects = found;
    lastLook = now;
    return next;
  }

  /** Whether an unconfirmed lease has outlived its grace since the last look: nothing in the kernel may tell of it. */
  function outlivedGrace(now: number): boolean {
    for (const lease of leasing.ledger.provisional()) {
      const from = judgedFrom(lease);
      if (from > now) return false;
      if (from > lastLook) return true;
    }
    return false;
  }

  async function waitFor(next: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { now } = leasing.moment();
      if (signal.aborted || now >= next || outlivedGrace(now)) return;
      await pause(Math.min(next - now, TICK), signal);
    }
  }

  return {
    name: "reconciler",
    touch: () => early.abort(),
    look,
    async run(signal) {
      // What waits for an address after a start comes first.
      await pause(DEBOUNCE, signal);
      while (!signal.aborted) {
        early = new AbortController();
        let next = leasing.moment().now + RETRY;
        const begun = performance.now();
        try {
          next = await look(signal);
        } catch (thrown) {
          trouble("reconciler", asError(thrown));
        }
        const lasted = performance.now() - begun;
        await waitFor(next, AbortSignal.any([signal, early.signal]));
        await pause(Math.min(LONGEST_REST, Math.max(DEBOUNCE, lasted * SHARE)), signal);
      }
    },
  };
}

/**
 * The kernel tells an answer's age in ticks, and a machine that is short of processors may count those late, in
 * milliseconds: by so much an answer may seem older than the question. Far more than a tick, and nothing to a grace.
 */
export const ANSWER_LAG = 1_000;

/**
 * What speaks against a lease; from when on an answer counts as one to our question; and when its address answered on the
 * bridge last (-Infinity: never).
 */
export interface Against {
  readonly lease: Lease;
  readonly finding: Finding;
  readonly asked: Millis;
  readonly answered: Millis;
}

export interface Judging extends Pick<ReconcilerOptions, "evidence" | "trouble"> {
  readonly moment: () => Moment;
}

/** Those of the leases that the evidence of now speaks against. Their addresses are asked for, so that a later look knows. */
export async function findingsOf(
  { moment, evidence, trouble }: Judging,
  leases: readonly Lease[],
  rivals: Rivals,
): Promise<readonly Against[]> {
  if (leases.length === 0) return [];
  const { bootId } = moment();
  const inNamespace = addressesSeenBy(await evidence.scan("namespace"), "namespace");
  const states = new Map<string, NamespaceState>();
  const found: { readonly lease: Lease; readonly finding: Finding }[] = [];
  for (const lease of leases) {
    // A process lives with that address: its namespace's file may only be out of our sight (a mount namespace of our own).
    if (inNamespace.has(lease.ip)) continue;
    const finding = await speaksAgainst(lease);
    if (finding !== undefined) found.push({ lease, finding });
  }
  const about = found.flatMap(({ lease, finding }) =>
    finding === "earlier-boot" ? [] : [lease.ip],
  );
  const asked = moment().now - ANSWER_LAG;
  const answers = new Map<Ip, Millis>();
  if (about.length > 0) {
    const sightings = await evidence.scan("answering", new Set(about));
    const { now } = moment();
    for (const { ip, age, evidence: kind } of sightings)
      if (kind === "neighbour") answers.set(ip, now - (age ?? 0));
  }
  return found.map((one) => ({ ...one, asked, answered: answers.get(one.lease.ip) ?? -Infinity }));

  async function speaksAgainst(lease: Lease): Promise<Finding | undefined> {
    const { attachment } = lease;
    if (attachment === undefined) return "silent";
    if (isOfEarlierBoot(attachment, bootId)) return "earlier-boot";
    const successor = successorOf(lease, rivals, bootId);
    return findingOf(await stateOf(lease), lease, {
      overtaken: isOvertaken(lease, rivals, bootId),
      superseded: successor !== undefined && (await stateOf(successor)) === "present",
    });
  }

  async function stateOf({ ip, attachment }: Lease): Promise<NamespaceState> {
    if (attachment === undefined) return "absent";
    const { netns, identity } = attachment;
    const key = `${identity?.dev} ${identity?.ino} ${netns}`;
    // One look serves all addresses of a namespace.
    const seen = states.get(key);
    if (seen !== undefined) return seen;
    const state = await lookAt(ip, attachment);
    states.set(key, state);
    return state;
  }

  async function lookAt(ip: Ip, attachment: Attachment): Promise<NamespaceState> {
    try {
      return await evidence.attachment(attachment);
    } catch (thrown) {
      // What cannot be looked at is not absent, and must not keep the others from being judged.
      trouble(`namespace of ${ip}`, asError(thrown));
      return "present";
    }
  }
}

const foldersOf = (leases: readonly Lease[]): ReadonlySet<string> =>
  new Set(
    leases.flatMap(({ attachment }) =>
      attachment === undefined ? [] : [dirname(attachment.netns)],
    ),
  );

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));
