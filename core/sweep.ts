// What time ends: guests' leases, cooling, quarantine and tombstones.

import type { Moment } from "./attach.ts";
import type { Decision } from "./effects.ts";
import type { Ledger } from "./ledger.ts";
import type { Lease } from "./lease.ts";
import { AFFINITY_LIMIT, SWEEP_LIMIT } from "./limits.ts";
import { type LedgerRecord, affinityKey, deleteLease, tombstoneKey } from "./record.ts";
import { Draft } from "./release.ts";

export interface Swept {
  /** What was ended; given back to the ledger's deadlines if the commit fails. */
  readonly ended: readonly LedgerRecord[];
  /** Whether more may be due at once. */
  readonly more: boolean;
}

export function decideSweep(ledger: Ledger, moment: Moment): Decision<Swept> {
  const draft = new Draft();
  const ended = ledger.takeDue(moment.now, SWEEP_LIMIT);
  for (const record of ended) {
    if (record.kind === "tombstone")
      draft.changes.push({ op: "delete", key: tombstoneKey(record.tombstone.key) });
    if (record.kind === "lease") end(ledger, draft, record.lease, moment);
  }
  return draft.decision({ ended, more: ended.length === SWEEP_LIMIT });
}

function end(ledger: Ledger, draft: Draft, lease: Lease, moment: Moment): void {
  if (lease.state === "leased") {
    draft.release(lease, moment.now, "expired");
    return;
  }
  draft.changes.push(deleteLease(lease.ip));
  draft.events.push({ event: "lease.freed", ip: lease.ip });
  if (lease.state === "cooling" && lease.owner?.kind === "guest")
    remember(ledger, draft, lease, moment);
}

/** A guest finds its last address again while nobody else has it; the guests seen longest ago are forgotten first. */
function remember(ledger: Ledger, draft: Draft, lease: Lease, moment: Moment): void {
  if (lease.owner?.kind !== "guest") return;
  const { mac } = lease.owner;
  if (ledger.affinity(mac) === undefined && ledger.affinities().size >= AFFINITY_LIMIT) {
    const oldest = ledger.affinities().keys().next().value;
    if (oldest !== undefined) draft.changes.push({ op: "delete", key: affinityKey(oldest) });
  }
  draft.changes.push({
    op: "put",
    record: { kind: "affinity", affinity: { mac, ip: lease.ip, at: moment.now } },
  });
}
