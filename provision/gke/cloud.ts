// Google Compute Engine as provisioning sees it: alias ranges of nic0 from a shared secondary range.

import { BrokerError } from "#core/errors.ts";
import type { Cloud } from "#provision/cloud.ts";
import { type RetryLimits, type Timing, processTiming } from "#provision/retry.ts";
import { ComputeApi } from "./api.ts";
import { type Credentials, type Environment, findCredentials } from "./credentials.ts";
import { explained } from "./failure.ts";
import { GuestAgent, restartUnits } from "./guest-agent.ts";
import { Metadata } from "./metadata.ts";
import { observe } from "./observe.ts";
import { type Place, perform } from "./perform.ts";
import { planInit } from "./plan.ts";
import { planRemoval } from "./plan-removal.ts";
import { compare, publish } from "./publish.ts";
import type { GkeSeen } from "./seen.ts";
import { Transport, callLimits } from "./transport.ts";

export interface GkeOptions {
  /**
   * CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE, GCE_METADATA_IP, GCE_METADATA_HOST, GOOGLE_APPLICATION_CREDENTIALS,
   * CLOUDSDK_CONFIG and HOME are read from it; the last three must be the process's own, where Google's library reads them too.
   */
  readonly environment?: Environment;
  readonly timing?: Timing;
  /** Bounds of each call. */
  readonly limits?: RetryLimits;
  /** Where the machine's files are: the guest agent's and those of /sys. */
  readonly root?: string;
  readonly restartUnits?: (units: readonly string[], signal: AbortSignal) => Promise<void>;
}

/** The cloud, and how often each call of its API was made so far. */
export interface Gke extends Cloud<GkeSeen> {
  readonly calls: ReadonlyMap<string, number>;
}

export function openGke(options: GkeOptions = {}): Gke {
  const { environment = {}, timing = processTiming, limits = callLimits, root = "/" } = options;
  const never = new AbortController().signal;
  const calls = new Map<string, number>();
  const metadata = new Metadata({
    host: environment["GCE_METADATA_IP"] ?? environment["GCE_METADATA_HOST"],
    timing,
    callDeadline: limits.callDeadline,
  });
  let found: Promise<Credentials> | undefined;
  const credentials = () => (found ??= findCredentials(environment, metadata, never));
  const transport = new Transport({
    endpoint: environment["CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE"],
    credentials,
    timing,
    limits,
    count: (name) => calls.set(name, (calls.get(name) ?? 0) + 1),
  });
  const api = new ComputeApi(transport);
  const agent = new GuestAgent({ root, restart: options.restartUnits ?? restartUnits });
  let place: Place | undefined;
  return {
    platform: "gke",
    calls,
    access: {
      detect: (signal) => metadata.identity(signal),
      observe: (scope, signal) =>
        withExplanation(async () => {
          const observer = { api, metadata, agent, timing, root, credentials };
          const seen = await observe(observer, scope, signal);
          const { subnetworkReference } = seen;
          place = {
            identity: scope.identity,
            subnetworkReference,
            provisioning: scope.provisioning,
          };
          return seen;
        }),
      perform: (step, run) =>
        withExplanation(() => {
          if (place === undefined)
            throw new BrokerError(
              "internal",
              `${step.id} was to be made before anything was observed`,
            );
          return perform({ api, agent, timing, place }, step, run);
        }),
    },
    rules: { plan: planInit, planRemoval, compare, publish },
  };
}

async function withExplanation<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (thrown) {
    throw explained(thrown);
  }
}
