// Gives a node its addresses from a cloud: plan, journaled steps, read-back, and the pool that can be used.

import { randomUUID } from "node:crypto";
import type { Ip } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { formatPrefix } from "#core/prefix.ts";
import type { Cloud, CloudPlan, Goal, Published } from "./cloud.ts";
import { type Provisioning, heldText, provisioningOf, withProvisioning } from "./journal.ts";
import type { PoolFile } from "./pool-file.ts";
import { type ProvisioningRun, keeperOf, unfinished } from "./provisioning-run.ts";
import { type SagaReport, runSaga } from "./saga.ts";
import { pendingSteps } from "./steps.ts";

/** What pool.json takes from flags as it is. */
export interface PoolSettings {
  readonly dnsServers: readonly Ip[];
  readonly dropInternalAccess: boolean;
  /** CIDR notation. */
  readonly dropCIDRs: readonly string[];
}

export interface InitInput extends ProvisioningRun {
  readonly goal: Goal;
  readonly settings: PoolSettings;
}

export interface PreparedInit {
  readonly plan: CloudPlan;
  /** Makes the plan's steps. Throws what stopped it; running init again goes on from there. */
  run(report: SagaReport): Promise<InitResult>;
}

export interface InitResult {
  readonly pool: PoolFile;
  /** Why there is less than was asked for; empty when all is there. */
  readonly degraded: readonly string[];
}

/** Reads the cloud and plans; changes nothing. Throws when the node's pool is another one. */
export async function prepareInit<Seen>(
  cloud: Cloud<Seen>,
  input: InitInput,
): Promise<PreparedInit> {
  const { goal, identity, existing, signal } = input;
  refuseOther(cloud.platform, input);
  const observe = (provisioning: Provisioning | undefined) =>
    cloud.access.observe(
      {
        identity,
        nodeName: goal.nodeName,
        subnet: goal.subnet,
        securityGroups: goal.securityGroups,
        provisioning,
        pool: existing,
      },
      signal,
    );
  const recorded = provisioningOf(existing);
  const seen = await observe(recorded);
  const plan = cloud.rules.plan(goal, seen, recorded);
  return {
    plan,
    async run(report) {
      const draft = draftOf(cloud.platform, input);
      if (pendingSteps(plan).length === 0) return finish(cloud, input, draft, seen, []);
      const journal = keeperOf(draft, input.save);
      await journal.save(journal.current);
      const short = await runSaga({
        steps: plan.steps,
        access: cloud.access,
        journal,
        report,
        now: input.now,
        signal,
      });
      const after = await observe(journal.current);
      const left = pendingSteps(cloud.rules.plan(goal, after, journal.current));
      if (left.length > 0 && short.length === 0) throw unfinished(left);
      return finish(cloud, input, withProvisioning(draft, journal.current), after, short);
    },
  };
}

function refuseOther(platform: string, { goal, identity, existing }: InitInput): void {
  if (existing === undefined) return;
  const refuse = (what: string, hint: string) => new BrokerError("invalid-config", what, { hint });
  const teardown = "run cocoon-net teardown first, then init again";
  if (existing.platform !== platform)
    throw refuse(`this node's pool was made for platform ${existing.platform}`, teardown);
  if (existing.subnet !== formatPrefix(goal.subnet))
    throw refuse(
      `this node already has the pool ${existing.subnet}, not ${formatPrefix(goal.subnet)}`,
      `keep --subnet ${existing.subnet}, or ${teardown}`,
    );
  const recorded = provisioningOf(existing);
  if (recorded?.state === "adopted")
    throw refuse(
      "this node's pool was adopted; init would take over what somebody else made",
      teardown,
    );
  if (recorded?.state === "removing")
    throw new BrokerError("provisioning-unfinished", "a teardown of this node was cut off", {
      hint: "run cocoon-net teardown again, then init",
    });
  // What was made under a name is found by it: under another one it would be nobody's.
  if (recorded !== undefined && existing.nodeName !== goal.nodeName)
    throw refuse(
      `this node's pool was made for the name ${existing.nodeName}, not ${goal.nodeName}`,
      `give --node-name ${existing.nodeName}, or ${teardown}`,
    );
  const before = recorded?.node["instance"];
  if (before !== undefined && before !== identity.instance)
    throw new BrokerError(
      "cloud-conflict",
      `pool.json was made on instance ${before}, and this is ${identity.instance}`,
      {
        hint: "if this disk is a copy, remove the state folder and run init with a --subnet of its own",
      },
    );
}

/** What is written before the first call: no address yet, unless an earlier run has published some. */
function draftOf(platform: PoolFile["platform"], input: InitInput): PoolFile {
  const { goal, settings, identity, existing, now } = input;
  const recorded = provisioningOf(existing);
  const usable =
    recorded === undefined ? existing !== undefined : recorded.state !== "provisioning";
  const pool: PoolFile = {
    platform,
    nodeName: goal.nodeName,
    subnet: formatPrefix(goal.subnet),
    gateway: goal.gateway,
    primaryNIC: existing?.primaryNIC ?? "",
    secondaryNICs: existing?.secondaryNICs ?? [],
    ips: existing?.ips ?? [],
    eniIDs: existing?.eniIDs ?? [],
    subnetID: existing?.subnetID ?? "",
    aliasRangeName: existing?.aliasRangeName ?? "",
    ...settings,
    updatedAt: new Date(now()).toISOString(),
    manageIptables: existing?.manageIptables,
    extra: existing?.extra ?? {},
  };
  return withProvisioning(pool, {
    version: 1,
    state: usable ? "degraded" : "provisioning",
    generation: recorded?.generation ?? randomUUID(),
    node: identity,
    vpcCIDRs: recorded?.vpcCIDRs ?? [],
    attachments: recorded?.attachments ?? [],
    degraded: recorded?.degraded ?? [],
    entries: recorded?.entries ?? [],
  });
}

async function finish<Seen>(
  cloud: Cloud<Seen>,
  input: InitInput,
  draft: PoolFile,
  seen: Seen,
  short: readonly string[],
): Promise<InitResult> {
  const found = cloud.rules.publish(input.goal, seen);
  const degraded = [...new Set([...short, ...found.degraded])];
  if (found.ips.length === 0)
    throw new BrokerError(
      "cloud-limit",
      `no address could be had for ${draft.subnet}: ${degraded.join("; ") || "the cloud shows none"}`,
      {
        hint: "remove the cause and run cocoon-net init again, or undo it with cocoon-net teardown",
      },
    );
  const pool = publishedPool(draft, found, degraded);
  await input.save(pool);
  return { pool, degraded };
}

function publishedPool(draft: PoolFile, found: Published, degraded: readonly string[]): PoolFile {
  const provisioning = provisioningOf(draft);
  if (provisioning === undefined) throw new Error("the draft has no journal");
  const { primaryNIC, secondaryNICs, ips, eniIDs, subnetID, aliasRangeName } = found;
  return withProvisioning(
    { ...draft, primaryNIC, secondaryNICs, ips, eniIDs, subnetID, aliasRangeName },
    {
      ...provisioning,
      state: degraded.length === 0 ? "complete" : "degraded",
      vpcCIDRs: found.vpcCIDRs,
      attachments: found.attachments,
      degraded: degraded.map(heldText),
    },
  );
}
