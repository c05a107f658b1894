// Task: ends container leases whose namespace is gone, on evidence that was negative twice.

import type { Ip } from "#core/address.ts";
import { decideForget } from "#core/detach.ts";
import type { Sighting } from "#core/intake.ts";
import { unchanged } from "#core/effects.ts";
import type { Attachment, Lease } from "#core/lease.ts";
import { FOUND_GRACE, PROVISIONAL_GRACE } from "#core/limits.ts";
import type { Evidence } from "#core/ports.ts";
import type { Leasing } from "./leasing.ts";
import { type Task, pause } from "./task.ts";

/** Between two looks at the same lease, in milliseconds. */
const PERIOD = 30_000;
/** Leases looked at in one pass; the rest follows in the next. */
const PASS_LIMIT = 4_096;

export interface ReconcilerOptions {
  readonly leasing: Leasing;
  readonly evidence: Evidence;
  readonly period?: number;
  readonly trouble: (what: string, error: Error) => void;
}

/** Looks at unconfirmed leases, leases of an earlier boot and found ones; confirmed leases of this boot wait for their DEL. */
export function createReconciler({
  leasing,
  evidence,
  period = PERIOD,
  trouble,
}: ReconcilerOptions): Task {
  const absentOnce = new Map<Ip, number>();
  return {
    name: "reconciler",
    async run(signal) {
      while (!signal.aborted) {
        try {
          await reconcile({ leasing, evidence, trouble }, absentOnce);
        } catch (thrown) {
          trouble("reconciler", thrown instanceof Error ? thrown : new Error(String(thrown)));
        }
        await pause(period, signal);
      }
    },
  };
}

/**
 * The leases are read first and the evidence second, so that a lease made in between is not judged by older evidence; a
 * release is of the very record that was judged: one that was confirmed or answered again meanwhile has new evidence.
 */
async function reconcile(
  { leasing, evidence, trouble }: ReconcilerOptions,
  absentOnce: Map<Ip, number>,
): Promise<void> {
  const suspects = suspectsOf(leasing);
  const sightings = suspects.length === 0 ? [] : await evidence.scan();
  const seen = addressesSeenBy(sightings, ["namespace", "neighbour"]);
  const inNamespace = addressesSeenBy(sightings, ["namespace"]);
  const absent = new Map<Ip, number>();
  for (const lease of suspects) {
    if (await isPresent(lease)) continue;
    if (absentOnce.get(lease.ip) !== lease.sequence) {
      absent.set(lease.ip, lease.sequence);
      continue;
    }
    await leasing.submit("SWEEP", (ledger, moment) =>
      ledger.lease(lease.ip) === lease
        ? decideForget(ledger, { ip: lease.ip, sequence: lease.sequence, reason: "gone" }, moment)
        : unchanged({ released: [] }),
    );
  }
  absentOnce.clear();
  for (const [ip, sequence] of absent) absentOnce.set(ip, sequence);

  async function isPresent({ ip, attachment }: Lease): Promise<boolean> {
    if (attachment === undefined) return seen.has(ip);
    // A process lives with that address: its namespace's file may only be out of our sight (a mount namespace of our own).
    if (inNamespace.has(ip)) return true;
    if (isOfEarlierBoot(attachment, leasing.moment().bootId)) return false;
    try {
      return (await evidence.attachment(attachment)) === "present";
    } catch (thrown) {
      // What cannot be looked at is not absent, and must not keep the others from being judged.
      trouble(`namespace of ${ip}`, thrown instanceof Error ? thrown : new Error(String(thrown)));
      return true;
    }
  }
}

/** Namespaces end with their boot; one with the same path and inode is another's. A plugin may not know its boot. */
const isOfEarlierBoot = ({ stamp }: Attachment, bootId: string): boolean =>
  stamp.bootId !== "" && stamp.bootId !== bootId;

/** Our own route is never among them: it stands because of the lease that is being judged. */
const addressesSeenBy = (
  sightings: readonly Sighting[],
  kinds: readonly string[],
): ReadonlySet<Ip> =>
  new Set(sightings.flatMap(({ ip, evidence }) => (kinds.includes(evidence) ? [ip] : [])));

function suspectsOf(leasing: Leasing): Lease[] {
  const { now, bootId } = leasing.moment();
  const suspects: Lease[] = [];
  for (const lease of leasing.ledger.leases()) {
    if (suspects.length >= PASS_LIMIT) break;
    if (lease.state !== "leased") continue;
    const unconfirmed = lease.provisional === true && now - lease.since >= PROVISIONAL_GRACE;
    const earlierBoot = lease.attachment !== undefined && isOfEarlierBoot(lease.attachment, bootId);
    if (
      unconfirmed ||
      earlierBoot ||
      (lease.owner?.kind === "found" && now - lease.since >= FOUND_GRACE)
    )
      suspects.push(lease);
  }
  return suspects;
}
