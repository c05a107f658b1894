// What happens before anything is served: the ledger is filled, foreign changes are taken in, and what is in use is found.

import type { Logger } from "pino";
import { type ImportOutcome, decideImport, decideRecover } from "#core/intake.ts";
import type { Ip } from "#core/address.ts";
import { addressesSeenBy } from "#core/judgement.ts";
import type { Ledger } from "#core/ledger.ts";
import type { Evidence, LedgerStore, LoadedLedger, Mirror } from "#core/ports.ts";
import { forgetClock } from "#core/clock-step.ts";
import { decideReboot } from "#core/reboot.ts";
import type { LedgerRecord } from "#core/record.ts";
import type { Pool } from "#core/range.ts";
import { continueTime } from "./clock-continuity.ts";
import type { Leasing } from "./leasing.ts";
import type { Parts } from "./parts.ts";
import type { Standing } from "./standing.ts";
import type { SteadyClock } from "./steady-clock.ts";
import { readMemory, rememberMirror } from "./mirroring.ts";

/** Items that a message or a log shows at most. */
const SHOWN = 16;

/** Fills the ledger from its store; answers with what the store said of itself, without the records. */
export async function loadLedger(
  store: LedgerStore,
  ledger: Ledger,
): Promise<Omit<LoadedLedger, "records">> {
  const { records, ...condition } = await store.load();
  ledger.fill(records.filter(hasNoOrder));
  // The oldest first: cooling addresses and tombstones are used up in the order in which they came.
  const ordered = records.filter((record) => !hasNoOrder(record));
  ledger.fill(ordered.sort((one, other) => ageOf(one) - ageOf(other)));
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
  const { entries, digest, damaged } = found;
  // Rows that cannot be read are not rows that are gone: then nobody's lease ends for being absent.
  const writtenAt = damaged === true ? 0 : memory.writtenAt;
  return leasing.submit("IMPORT", (ledger, moment) => {
    const decision = decideImport(ledger, pool, entries, writtenAt, moment);
    // In the same commit, so that a file taken in once is not taken in again over what happened since.
    const taken = rememberMirror({ digests: [digest], writtenAt: moment.now });
    return { ...decision, changes: [...decision.changes, taken] };
  });
}

/**
 * Keeps every address of the pool that is in use without a record from being given away, and takes those of containers
 * back that ended with their boot. With a sound ledger only a namespace counts as use: neighbours and routes may be left
 * over from leases that have ended.
 */
export async function recoverFromEvidence(
  leasing: Leasing,
  evidence: Evidence,
  pool: Pool,
  condition: LoadedLedger["condition"],
): Promise<{ readonly found: readonly Ip[]; readonly ofEarlierBoots: number }> {
  const sightings = await evidence.scan(condition === "sound" ? "namespace" : undefined);
  const { found } = await leasing.submit("RECOVER", (ledger, moment) => {
    const decision = decideRecover(ledger, pool, sightings, moment);
    const forgotten = condition === "sound" ? [] : forgetClock(ledger);
    return { ...decision, changes: [...decision.changes, ...forgotten] };
  });
  const inNamespace = addressesSeenBy(sightings, "namespace");
  const { released } = await leasing.submit("SWEEP", (ledger, moment) =>
    decideReboot(ledger, inNamespace, moment),
  );
  return { found, ofEarlierBoots: released };
}

/** Found by nothing that others have too: a container's address, mostly, which has no MAC. */
const hasNoOrder = (record: LedgerRecord): boolean =>
  record.kind === "lease" && record.lease.state === "leased" && record.lease.mac === undefined;

/** When a record came about, for the order in which a ledger is filled. */
export function ageOf(record: LedgerRecord): number {
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

export interface TakeInOptions {
  readonly evidence: Evidence;
  readonly mirror: Mirror;
  readonly pool: Pool;
  readonly standing: Standing;
  readonly log: Logger;
}

export interface TakeUpOptions extends TakeInOptions {
  readonly store: LedgerStore;
  readonly clock: SteadyClock;
  readonly leaseSeconds: number;
  /** Told what is being done. */
  readonly tell: (status: string) => void;
}

/** The ledger, its times put in step with the clock, and all that changed while no broker ran. */
export async function takeUp(parts: Parts, options: TakeUpOptions): Promise<void> {
  const { store, standing, tell } = options;
  standing.ledger = await loadLedger(store, parts.ledger);
  const sound = standing.ledger.condition === "sound";
  if (sound) await continueTime({ ...options, ...parts });
  tell("looking for addresses in use");
  await takeIn(parts, options);
  if (!sound) await continueTime({ ...options, ...parts });
}

/**
 * Everything that must be known before an address is given: what is in use comes first and the mirror second, so that a
 * crash between the two loses neither; then the releases that waited in the spool.
 */
export async function takeIn(parts: Parts, options: TakeInOptions): Promise<void> {
  const { evidence, mirror, pool, standing, log } = options;
  const { leasing, spooler } = parts;
  const { condition } = standing.ledger;
  if (condition !== "sound")
    log.warn(
      standing.ledgerView(),
      `the ledger is ${condition}: looking for addresses in use before any is given`,
    );
  const { found, ofEarlierBoots } = await recoverFromEvidence(leasing, evidence, pool, condition);
  if (ofEarlierBoots > 0)
    log.info(
      { released: ofEarlierBoots },
      `the machine was started anew: ${ofEarlierBoots} addresses of its containers were taken back`,
    );
  if (found.length > 0) {
    const message = `${found.length} addresses are in use without a record and are kept back: ${found.slice(0, SHOWN).join(", ")}`;
    standing.warn("found", message);
    log.warn({ found: found.length }, message);
  }
  const imported = await importForeignMirror(leasing, mirror, pool);
  if (imported !== undefined) tellImport(imported, standing, log);
  const released = await spooler.drain();
  if (released > 0) log.info({ released }, `${released} spooled releases made`);
  standing.rebuilt();
}

function tellImport(outcome: ImportOutcome, standing: Standing, log: Logger): void {
  const { imported, released, conflicts, foreign } = outcome;
  log.info(
    { imported, released, conflicts: conflicts.length, foreign },
    "leases.json was changed while no broker ran; its changes were taken in",
  );
  for (const conflict of conflicts.slice(0, SHOWN)) log.warn({ conflict }, conflict);
  if (conflicts.length > 0)
    standing.warn(
      "import",
      `leases.json contradicted the ledger: ${conflicts.slice(0, SHOWN).join("; ")}`,
    );
}
