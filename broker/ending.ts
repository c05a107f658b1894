// Leases that were judged end many holders to a commit, each holder by a decision of its own.

import { type Judged, byHolder, decideEnd } from "#core/detach.ts";
import type { Leasing } from "./leasing.ts";

/** Holders that end at once: half of a commit's commands, so that an ADD that comes meanwhile finds room in it. */
const TOGETHER = 128;

/** Rejects with the first failure; what ended until then has ended. */
export async function endAll(leasing: Leasing, judged: readonly Judged[]): Promise<void> {
  const holders = byHolder(judged);
  for (let start = 0; start < holders.length; start += TOGETHER)
    await Promise.all(
      holders
        .slice(start, start + TOGETHER)
        .map((one) => leasing.submit("SWEEP", (ledger, moment) => decideEnd(ledger, one, moment))),
    );
}
