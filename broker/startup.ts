// What happens before anything is served: the ledger is filled, foreign changes are taken in, and what is in use is found.

import { type ImportOutcome, decideImport, decideRecover } from "#core/intake.ts";
import type { Ip } from "#core/address.ts";
import type { Ledger } from "#core/ledger.ts";
import type { Evidence, LedgerStore, LoadedLedger, Mirror } from "#core/ports.ts";
import type { LedgerRecord } from "#core/record.ts";
import type { Pool } from "#core/range.ts";
import type { Leasing } from "./leasing.ts";
import { readMemory } from "./mirroring.ts";

/** Fills the ledger from its store; answers with what the store said of itself, without the records. */
export async function loadLedger(
  store: LedgerStore,
  ledger: Ledger,
): Promise<Omit<LoadedLedger, "records">> {
  const { records, ...condition } = await store.load();
  // The oldest first: cooling addresses and tombstones are used up in the order in which they came.
  const ordered = records.toSorted((one, other) => ageOf(one) - ageOf(other));
  ledger.apply(ordered.map((record) => ({ op: "put", record })));
  return condition;
}

/**
 * Imports a mirror that is not the one we left: the Go version ran in between. Undefined when the file is ours, or absent.
 */
export async function importForeignMirror(
  leasing: Leasing,
  mirror: Mirror,
  pool: Pool,
): Promise<ImportOutcome | undefined> {
  const found = await mirror.read();
  const memory = readMemory(leasing.ledger.meta("mirror"));
  if (found === undefined || memory.digests.includes(found.digest)) return undefined;
  const { entries } = found;
  return leasing.submit("IMPORT", (ledger, moment) =>
    decideImport(ledger, pool, entries, memory.writtenAt, moment),
  );
}

/**
 * Keeps every address of the pool that is in use without a record from being given away. With a sound ledger only a
 * namespace counts: neighbours and routes may be left over from leases that have ended.
 */
export async function recoverFromEvidence(
  leasing: Leasing,
  evidence: Evidence,
  pool: Pool,
  condition: LoadedLedger["condition"],
): Promise<readonly Ip[]> {
  const seen = await evidence.scan();
  const sightings =
    condition === "sound" ? seen.filter((sighting) => sighting.evidence === "namespace") : seen;
  const { found } = await leasing.submit("RECOVER", (ledger, moment) =>
    decideRecover(ledger, pool, sightings, moment),
  );
  return found;
}

function ageOf(record: LedgerRecord): number {
  switch (record.kind) {
    case "lease":
      return record.lease.since;
    case "tombstone":
      return record.tombstone.until;
    case "affinity":
      return record.affinity.at;
    case "cursor":
    case "meta":
      return 0;
    default:
      return record satisfies never;
  }
}
