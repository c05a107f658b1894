// The table of all actions that the fake knows, and the client tokens that make writes repeatable.

import type { Action, Call } from "./call.ts";
import { ecsActions } from "./ecs.ts";
import { eniAddresses } from "./eni-addresses.ts";
import { eniChanges } from "./eni-changes.ts";
import { eniQueries } from "./eni-queries.ts";
import { VolcengineError } from "./errors.ts";
import { Parameters } from "./parameters.ts";
import { securityGroupActions } from "./security-group.ts";
import { subnetActions } from "./subnet.ts";
import { tagActions } from "./tag.ts";
import { vpcActions } from "./vpc.ts";

/** Of both services. */
export const VERSION = "2020-04-01";
/** Characters of a client token. */
const MAX_TOKEN = 64;
/** Client tokens that are remembered. */
const MAX_TOKENS = 10_000;

const actions: ReadonlyMap<string, Action> = new Map<string, Action>(
  Object.entries({
    ...vpcActions,
    ...subnetActions,
    ...eniQueries,
    ...eniChanges,
    ...eniAddresses,
    ...securityGroupActions,
    ...tagActions,
    ...ecsActions,
  }),
);

export const actionNamed = (name: string): Action | undefined => actions.get(name);

export function parametersOf(
  action: Action,
  pairs: Iterable<readonly [string, string]>,
): Parameters {
  const table =
    action.replays === true
      ? { ...action.parameters, ClientToken: "text" as const }
      : action.parameters;
  return new Parameters(table, pairs);
}

/** What each client token was used for, and what came of it. */
export class Replays {
  readonly #results = new Map<string, { readonly asked: string; readonly result: object }>();

  /** Serves the call, or repeats what was answered to the same call with the same token. Refusals are not kept. */
  serve(name: string, action: Action, call: Call): object {
    const token = call.parameters.text("ClientToken");
    if (token === undefined) return action.serve(call);
    if (token.length > MAX_TOKEN || !/^[\x21-\x7e]+$/.test(token))
      throw new VolcengineError(
        "InvalidParameter",
        `ClientToken is at most ${MAX_TOKEN} ASCII characters.`,
        true,
      );
    const key = `${call.account} ${call.region.id} ${token}`;
    const asked = JSON.stringify([name, call.parameters.entries()]);
    const before = this.#results.get(key);
    if (before !== undefined) {
      if (before.asked !== asked)
        throw new VolcengineError(
          "IdempotentParameterMismatch",
          `The request uses the same ClientToken ${token} as a previous, but non-identical request.`,
        );
      return before.result;
    }
    const result = action.serve(call);
    if (this.#results.size >= MAX_TOKENS) this.#results.clear();
    this.#results.set(key, { asked, result });
    return result;
  }
}
