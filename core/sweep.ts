// What time ends: guests' leases, cooling, quarantine and tombstones.

import type { Moment } from "./attach.ts";
import type { Decision } from "./effects.ts";
import type { Ledger } from "./ledger.ts";
import type { Lease } from "./lease.ts";
import { AFFINITY_LIMIT, SWEEP_LIMIT } from "./limits.ts";
import { affinityKey, deleteLease, tombstoneKey } from "./record.ts";
import { Draft } from "./release.ts";

export interface Swept {
  /** Whether more may be due at once. */
  readonly more: boolean;
}

export function decideSweep(ledger: Ledger, moment: Moment): Decision<Swept> {
  const draft = new Draft();
  const ended = ledger.takeDue(moment.now, SWEEP_LIMIT);
  for (const record of ended) {
    if (record.kind === "tombstone")
      draft.changes.push({ op: "delete", key: tombstoneKey(record.tombstone.key) });
    if (record.kind === "lease") end(draft, record.lease, moment);
  }
  forgetOldest(ledger, draft);
  return draft.decision({ more: ended.length === SWEEP_LIMIT });
}

function end(draft: Draft, lease: Lease, moment: Moment): void {
  if (lease.state === "leased") {
    draft.release(lease, moment.now, "expired");
    return;
  }
  draft.changes.push(deleteLease(lease.ip));
  draft.events.push({ event: "lease.freed", ip: lease.ip });
  if (lease.state !== "cooling" || lease.owner?.kind !== "guest") return;
  // A guest finds its last address again while nobody else has it.
  const { mac } = lease.owner;
  draft.changes.push({
    op: "put",
    record: { kind: "affinity", affinity: { mac, ip: lease.ip, at: moment.now } },
  });
}

/** The guests seen longest ago make room for those that the draft remembers. */
function forgetOldest(ledger: Ledger, draft: Draft): void {
  const kept = new Set(
    draft.changes.flatMap((change) =>
      change.op === "put" && change.record.kind === "affinity" ? [change.record.affinity.mac] : [],
    ),
  );
  const fresh = [...kept].filter((mac) => ledger.affinity(mac) === undefined);
  let over = ledger.affinities().size + fresh.length - AFFINITY_LIMIT;
  for (const mac of ledger.affinities().keys()) {
    if (over <= 0) break;
    if (kept.has(mac)) continue;
    draft.changes.push({ op: "delete", key: affinityKey(mac) });
    over--;
  }
}
