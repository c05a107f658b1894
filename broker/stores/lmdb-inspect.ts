// The ledger of a stopped broker, read and left exactly as it is: nothing is settled, put aside or begun anew.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LoadedLedger } from "#core/ports.ts";
import type { LedgerRecord } from "#core/record.ts";
import { isRelaxed } from "./lmdb-environment.ts";
import { checkLmdbFile } from "./lmdb-file.ts";
import { BEGUN } from "./lmdb-recovery.ts";
import { decodeRecord } from "./record.ts";

/** `detail` says what is wrong, or that nothing is there. */
export function inspectLmdb(path: string): LoadedLedger {
  if (!existsSync(join(path, "data.mdb")))
    return { condition: "missing", records: [], detail: `there is no ledger at ${path}` };
  const records: LedgerRecord[] = [];
  const faults: string[] = [];
  const fault = checkLmdbFile(path, snapshotOf(path), (key, bytes, start, end) => {
    if (key === BEGUN) {
      faults.push("it was begun anew and is not settled yet");
      return;
    }
    const decoded = decodeRecord(key, bytes, start, end);
    if ("record" in decoded) records.push(decoded.record);
    else faults.push(`record ${JSON.stringify(key)}: ${decoded.fault}`);
  });
  if (fault !== undefined) faults.unshift(fault);
  const [first] = faults;
  if (first === undefined) return { condition: "sound", records };
  const more = faults.length > 1 ? `; and ${faults.length - 1} more faults` : "";
  return { condition: "damaged", records, detail: `${first}${more}` };
}

/** In relaxed mode a power loss may leave the newest snapshot torn; a broker that starts takes the synced one then. */
function snapshotOf(path: string): "newest" | "synced" {
  const torn = checkLmdbFile(path, "newest", () => undefined) !== undefined;
  return isRelaxed(path) && torn ? "synced" : "newest";
}
