// Of several changes to one record in a group, the last: a transaction has no in-between.

import { type Change, type RecordKey, recordKey } from "#core/record.ts";

/** The changes that leave the same records as all of them in order, each key at most once. */
export function lastOfEachKey(changes: readonly Change[]): readonly Change[] {
  const last = new Map<RecordKey, Change>();
  for (const change of changes)
    last.set(change.op === "put" ? recordKey(change.record) : change.key, change);
  return last.size === changes.length ? changes : [...last.values()];
}
