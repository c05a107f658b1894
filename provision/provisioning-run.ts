// What init and teardown have alike: the machine, its pool file with the journal in it, and how a run ends that changed too little.

import { BrokerError } from "#core/errors.ts";
import type { CloudStep } from "./cloud.ts";
import { type NodeIdentity, provisioningOf, withProvisioning } from "./journal.ts";
import type { PoolFile } from "./pool-file.ts";
import type { JournalKeeper } from "./saga.ts";
import { inOneLine } from "./steps.ts";

/** One run of init or teardown on one machine. */
export interface ProvisioningRun {
  readonly identity: NodeIdentity;
  readonly existing: PoolFile | undefined;
  /** Resolves when the file is durable. */
  readonly save: (pool: PoolFile) => Promise<void>;
  /** Milliseconds since 1970, UTC. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** The journal inside the pool file. */
export function keeperOf(pool: PoolFile, save: ProvisioningRun["save"]): JournalKeeper {
  let current = provisioningOf(pool);
  return {
    get current() {
      if (current === undefined) throw new Error("the pool has no journal");
      return current;
    },
    async save(next) {
      await save(withProvisioning(pool, next));
      current = next;
    },
  };
}

/** Reading the cloud again shows that steps are left. */
export const unfinished = (left: readonly CloudStep[]): BrokerError =>
  new BrokerError(
    "cloud-unavailable",
    `every step was made, and the cloud still shows otherwise: ${inOneLine(left)}`,
    { hint: "see who else changes this node in the cloud, then run the command again" },
  );
