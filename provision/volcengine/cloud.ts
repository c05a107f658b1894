// Volcengine: a subnet of its own for each node, and secondary interfaces whose addresses the guests get.

import { homedir } from "node:os";
import { BrokerError } from "#core/errors.ts";
import type { Cloud, Scope } from "#provision/cloud.ts";
import type { CloudOptions } from "#provision/clouds.ts";
import { type RetryLimits, type Timing, processTiming } from "#provision/retry.ts";
import { Api, CALL_LIMITS } from "./api.ts";
import { openCredentials } from "./credentials.ts";
import { type Host, openHost } from "./host.ts";
import { METADATA_ENDPOINT, openMetadata } from "./metadata.ts";
import { observe } from "./observe.ts";
import { perform } from "./perform.ts";
import { planProvisioning } from "./plan.ts";
import { planRemoval } from "./plan-removal.ts";
import { compare, publish } from "./publish.ts";
import type { VolcengineSeen } from "./seen.ts";
import { openTransport } from "./transport.ts";

/** What is left out is the real thing. */
export interface VolcengineOptions extends CloudOptions {
  readonly timing?: Timing;
  readonly limits?: RetryLimits;
  readonly host?: Host;
  /** The folder of the user's own files; `HOME` when absent. */
  readonly home?: string;
}

export interface VolcengineCloud extends Cloud<VolcengineSeen> {
  /** Requests to the API so far, by action. */
  readonly calls: ReadonlyMap<string, number>;
}

/**
 * Endpoints come from the environment: `VOLCENGINE_ENDPOINT` of the API, `COCOON_NET_VOLCENGINE_METADATA` of the metadata
 * server. Nothing is read or called before it is needed.
 */
export function openVolcengine(options: VolcengineOptions): VolcengineCloud {
  const { environment, timing = processTiming, host = openHost() } = options;
  const metadata = openMetadata(environment["COCOON_NET_VOLCENGINE_METADATA"] ?? METADATA_ENDPOINT);
  const home = options.home ?? environment["HOME"] ?? homedir();
  const calls = new Map<string, number>();
  const waited = new Set<string>();
  let api: Promise<Api> | undefined;
  const openApi = async (region: string): Promise<Api> =>
    new Api({
      send: await openTransport(
        environment["VOLCENGINE_ENDPOINT"] ?? environment["VOLCSTACK_ENDPOINT"],
      ),
      region,
      credentials: openCredentials({ environment, home, metadata, timing }),
      timing,
      limits: options.limits ?? CALL_LIMITS,
      calls,
    });
  return {
    platform: "volcengine",
    calls,
    access: {
      detect: (signal) => metadata.identity(signal),
      async observe(scope, signal) {
        const { region, warnings } = regionOf(scope, environment);
        api ??= openApi(region);
        return observe({ api: await api, host, warnings, waited }, scope, signal);
      },
      async perform(step, run) {
        if (api === undefined)
          throw new BrokerError("internal", "nothing was observed before this step");
        return perform(await api, host, step, run);
      },
    },
    rules: { plan: planProvisioning, planRemoval, compare, publish },
  };
}

/** The machine's own region counts; what the environment says is for machines whose metadata does not tell. */
function regionOf(
  { identity }: Scope,
  environment: CloudOptions["environment"],
): { region: string; warnings: readonly string[] } {
  const named = environment["VOLCENGINE_REGION"] ?? environment["VOLCSTACK_REGION"] ?? "";
  const own = identity["region"] ?? "";
  if (own === "" && named === "")
    throw new BrokerError("cloud-unavailable", "neither metadata nor environment name the region", {
      hint: "set VOLCENGINE_REGION, for example cn-beijing",
    });
  if (own === "" || named === "" || own === named) return { region: own || named, warnings: [] };
  return {
    region: own,
    warnings: [`VOLCENGINE_REGION is ${named}, but this instance is in ${own}: ${own} is used`],
  };
}
