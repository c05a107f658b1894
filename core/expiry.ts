// When the ledger's records end by themselves: leases and tombstones, found by their time without a scan.

import { Deadlines } from "./deadlines.ts";
import { type LedgerRecord, type RecordKey, recordKey } from "./record.ts";
import type { Millis } from "./time.ts";

/** Stale deadlines allowed beside the live ones before the heap is built anew. */
const DEADLINE_SLACK = 4_096;

/** A record that is changed or gone leaves its deadline behind: {@link trim} bounds them, and {@link takeDue} asks for the record. */
export class Expiry {
  readonly #deadlines = new Deadlines<RecordKey>();

  add(key: RecordKey, until: Millis): void {
    this.#deadlines.add(until, key);
  }

  /** The earliest moment at which a record may end; some other change may have overtaken it. */
  next(): Millis | undefined {
    return this.#deadlines.next();
  }

  /** The records whose time is over at `now`, at most `limit`, each answered once. `find` answers with what a key stands for now. */
  takeDue(
    now: Millis,
    limit: number,
    find: (key: RecordKey) => LedgerRecord | undefined,
  ): LedgerRecord[] {
    // By their keys: one that was changed and undone has more than one deadline.
    const due = new Map<RecordKey, LedgerRecord>();
    while (due.size < limit) {
      const key = this.#deadlines.take(now);
      if (key === undefined) break;
      const record = find(key);
      if (record !== undefined && (untilOf(record) ?? Infinity) <= now) due.set(key, record);
    }
    return [...due.values()];
  }

  /** At most as many deadlines are kept that are overtaken as there are records, and {@link DEADLINE_SLACK}. */
  trim(size: number, records: () => Iterable<LedgerRecord>): void {
    if (this.#deadlines.size <= 2 * size + DEADLINE_SLACK) return;
    this.#deadlines.clear();
    for (const record of records()) {
      const until = untilOf(record);
      if (until !== undefined) this.add(recordKey(record), until);
    }
  }
}

function untilOf(record: LedgerRecord): Millis | undefined {
  if (record.kind === "lease") return record.lease.until;
  return record.kind === "tombstone" ? record.tombstone.until : undefined;
}
