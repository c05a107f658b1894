// What would stop init on a node that has no pool yet: its plan is made, and nothing of it is done.

import { type BrokerError, toBrokerError } from "#core/errors.ts";
import { requireIdentity, withCloud } from "#provision/clouds.ts";
import { prepareInit } from "#provision/init.ts";
import { type Config, cloudEnvironment } from "#broker/config.ts";
import { CLOUD_PATIENCE_MS } from "./cloud-side.ts";
import { goalOf } from "./commands/init.ts";
import { type Finding, ok, problem, symptoms, warning } from "./finding.ts";

const CHECK = "init";

/** Nothing is foreseen unless a cloud and a subnet are named. Never throws: doctor must show the rest. */
export async function foreseeInit(
  config: Config,
  now: () => number,
  interrupted: AbortSignal,
): Promise<readonly Finding[]> {
  const { platform, subnet } = config;
  if (platform === undefined || platform === "local" || subnet === undefined) return [];
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(CLOUD_PATIENCE_MS)]);
  try {
    const { goal } = goalOf(config, undefined);
    const { plan } = await withCloud(platform, { environment: cloudEnvironment() }, async (cloud) =>
      prepareInit(cloud, {
        goal,
        settings: { dnsServers: [], dropInternalAccess: false, dropCIDRs: [] },
        identity: await requireIdentity(cloud, signal),
        existing: undefined,
        save: () => Promise.reject(new Error("doctor changes nothing")),
        now,
        signal,
      }),
    );
    return plan.warnings.length === 0
      ? [ok(CHECK, "nothing would stop it")]
      : plan.warnings.map(warned);
  } catch (thrown) {
    return [refused(toBrokerError(thrown))];
  }
}

const warned = (text: string): Finding =>
  warning(CHECK, text, "cocoon-net init --dry-run shows what would be done");

function refused({ code, message, hint }: BrokerError): Finding {
  const symptom = message.includes("does not cover") ? symptoms.rangeTooSmall : undefined;
  return code === "cloud-unavailable"
    ? warning(CHECK, `the cloud could not be read: ${message}`, hint)
    : problem(CHECK, message, hint, symptom);
}
