// The machine was started anew: no container of before lives, and its addresses wait for no further evidence.

import type { Ip } from "./address.ts";
import type { Moment } from "./attach.ts";
import type { Decision } from "./effects.ts";
import { isOfEarlierBoot } from "./judgement.ts";
import type { Ledger } from "./ledger.ts";
import { Draft } from "./release.ts";

/**
 * Ends the containers' leases of earlier boots. Guests keep theirs, a sticky address waits for its name, and one that a
 * process's namespace has now (`inNamespace`) is left for the reconciler to look at twice.
 */
export function decideReboot(
  ledger: Ledger,
  inNamespace: ReadonlySet<Ip>,
  moment: Moment,
): Decision<{ readonly released: number }> {
  const draft = new Draft();
  let released = 0;
  for (const lease of ledger.leases()) {
    const { attachment, state, ip } = lease;
    if (state !== "leased" || attachment === undefined || inNamespace.has(ip)) continue;
    if (!isOfEarlierBoot(attachment, moment.bootId)) continue;
    draft.orphaned(lease, "earlier-boot");
    draft.release(lease, moment.now, "gone");
    released++;
  }
  return draft.decision({ released });
}
