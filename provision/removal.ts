// Gives back what provisioning took from the cloud: only what the journal or our tags name.

import { randomUUID } from "node:crypto";
import { parsePrefix } from "#core/prefix.ts";
import type { Cloud, CloudPlan } from "./cloud.ts";
import { type Provisioning, provisioningOf, withProvisioning } from "./journal.ts";
import { type ProvisioningRun, keeperOf, unfinished } from "./provisioning-run.ts";
import { type JournalKeeper, type SagaReport, runSaga } from "./saga.ts";
import { pendingSteps } from "./steps.ts";

/** Without an existing pool, only what carries our tags can be found. */
export interface RemovalInput extends ProvisioningRun {
  readonly nodeName: string;
  readonly includeUntagged: boolean;
}

export interface PreparedRemoval {
  readonly plan: CloudPlan;
  /** Makes the plan's steps. Throws what stopped it; running teardown again goes on from there. */
  run(report: SagaReport): Promise<void>;
}

/** Reads the cloud and plans; changes nothing. */
export async function prepareRemoval<Seen>(
  cloud: Cloud<Seen>,
  input: RemovalInput,
): Promise<PreparedRemoval> {
  const { existing, identity, signal } = input;
  const removal = {
    nodeName: input.nodeName,
    pool: existing,
    includeUntagged: input.includeUntagged,
  };
  const subnet = existing === undefined ? undefined : parsePrefix(existing.subnet);
  const observe = (provisioning: Provisioning | undefined) =>
    cloud.access.observe(
      {
        identity,
        nodeName: input.nodeName,
        subnet,
        securityGroups: [],
        provisioning,
        pool: existing,
      },
      signal,
    );
  const recorded = provisioningOf(existing);
  const plan = cloud.rules.planRemoval(removal, await observe(recorded), recorded);
  return {
    plan,
    async run(report) {
      if (pendingSteps(plan).length === 0) return;
      const journal = journalOf(input, recorded);
      await journal.save({ ...journal.current, state: "removing" });
      await runSaga({
        steps: plan.steps,
        access: cloud.access,
        journal,
        report,
        now: input.now,
        signal,
      });
      const after = await observe(journal.current);
      const left = pendingSteps(cloud.rules.planRemoval(removal, after, journal.current));
      if (left.length > 0) throw unfinished(left);
    },
  };
}

/** In the pool file; without one it is kept in memory, since removing what is seen needs no record to be repeated. */
function journalOf(input: RemovalInput, recorded: Provisioning | undefined): JournalKeeper {
  const provisioning: Provisioning = recorded ?? {
    version: 1,
    state: "removing",
    generation: randomUUID(),
    node: input.identity,
    vpcCIDRs: [],
    attachments: [],
    degraded: [],
    entries: [],
  };
  if (input.existing !== undefined)
    return keeperOf(withProvisioning(input.existing, provisioning), input.save);
  let current = provisioning;
  return {
    get current() {
      return current;
    },
    save: (next) => {
      current = next;
      return Promise.resolve();
    },
  };
}
