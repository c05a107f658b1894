// Task: ends leases whose holder is gone, on evidence that lasted; looks when links or namespaces change, not by a clock.

import { dirname } from "node:path";
import type { Ip } from "#core/address.ts";
import { decideForget } from "#core/detach.ts";
import { unchanged } from "#core/effects.ts";
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
import type { Lease } from "#core/lease.ts";
import type { Evidence, NamespaceState } from "#core/ports.ts";
import type { Leasing } from "./leasing.ts";
import { type Task, pause } from "./task.ts";

/** A full look without any sign of a change, in milliseconds. */
const PERIOD = 3_600_000;
/** Changes within this time share one look, in milliseconds. */
const DEBOUNCE = 2_000;
/** Looks may take at most one part in this many of the time: with many leases they come more rarely. */
const SHARE = 20;
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

/** A lease that one look spoke against: the very record, what was found, and when. */
interface Suspect {
  readonly lease: Lease;
  readonly finding: Finding;
  readonly at: number;
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
    const judging = { ...options, bootId };
    const found = new Map<Ip, Suspect>();
    let next = now + PERIOD;
    for (let start = 0; start < all.length && signal?.aborted !== true; start += SLICE) {
      const slice = all.slice(start, start + SLICE);
      for (const { lease, finding, answered } of await findingsOf(judging, slice, rivals)) {
        const before = suspects.get(lease.ip);
        const at = before?.lease === lease ? before.at : now;
        // Somebody has answered for the address since it was asked for: whoever it is, it is in use.
        if (answered < now - at) continue;
        const due = Math.max(judgedFrom(lease), at + lastsFor(lease, finding));
        if (before?.lease === lease && due <= now) await release(leasing, lease, finding);
        else {
          found.set(lease.ip, { lease, finding, at });
          next = Math.min(next, due);
        }
      }
    }
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
        await pause(Math.max(DEBOUNCE, lasted * SHARE), signal);
      }
    },
  };
}

async function release(leasing: Leasing, lease: Lease, finding: Finding): Promise<void> {
  const { ip, sequence } = lease;
  await leasing.submit("SWEEP", (ledger, moment) =>
    ledger.lease(ip) === lease
      ? decideForget(ledger, { ip, sequence, reason: "gone", finding }, moment)
      : unchanged({ released: [] }),
  );
}

/** What speaks against a lease, and how many milliseconds ago its address answered on the bridge; Infinity: not in sight. */
export interface Against {
  readonly lease: Lease;
  readonly finding: Finding;
  readonly answered: number;
}

/** Those of the leases that the evidence of now speaks against. Their addresses are asked for, so that a later look knows. */
export async function findingsOf(
  {
    bootId,
    evidence,
    trouble,
  }: Pick<ReconcilerOptions, "evidence" | "trouble"> & { bootId: string },
  leases: readonly Lease[],
  rivals: Rivals,
): Promise<readonly Against[]> {
  if (leases.length === 0) return [];
  const inNamespace = addressesSeenBy(await evidence.scan("namespace"), "namespace");
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
  const answers = new Map<Ip, number>();
  if (about.length > 0) {
    const asked = new Set(about);
    for (const { ip, age, evidence: kind } of await evidence.scan("answering", asked))
      if (kind === "neighbour" && asked.has(ip)) answers.set(ip, age ?? 0);
  }
  return found.map((one) => ({ ...one, answered: answers.get(one.lease.ip) ?? Infinity }));

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
