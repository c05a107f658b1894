// Waits until what is looked at is as it should be, and says what it was when patience ends.

import { BrokerError } from "#core/errors.ts";
import type { Run } from "#provision/cloud.ts";
import {
  type InterfaceAnswer,
  type SubnetAnswer,
  describeInterface,
  describeSubnetAttributes,
} from "./actions.ts";
import type { Api } from "./api.ts";
import { isFault } from "./fault.ts";
import { type SeenInterface, interfaceOf } from "./seen.ts";
import { type Patience, pause, waiting } from "./waiting.ts";

/** `undefined`: it does not exist, or cannot be seen yet. */
export async function lookAtInterface(
  api: Api,
  id: string,
  signal: AbortSignal,
): Promise<SeenInterface | undefined> {
  const answer = await orGone<InterfaceAnswer>(
    api.call(describeInterface, { NetworkInterfaceId: id }, signal),
  );
  return answer === undefined ? undefined : interfaceOf(answer);
}

export const lookAtSubnet = (
  api: Api,
  id: string,
  signal: AbortSignal,
): Promise<SubnetAnswer | undefined> =>
  orGone(api.call(describeSubnetAttributes, { SubnetId: id }, signal));

async function orGone<Result>(call: Promise<Result>): Promise<Result | undefined> {
  try {
    return await call;
  } catch (thrown) {
    if (isFault(thrown, "gone")) return undefined;
    throw thrown;
  }
}

export interface Awaited<Seen, Result> {
  readonly api: Api;
  readonly run: Run;
  readonly patience: Patience;
  /** What is waited for, for a person: `interface cocoon-node-1 to be attached`. */
  readonly what: string;
  look(): Promise<Seen>;
  /** The result, or `undefined` to look again. `waited`: milliseconds so far, between looks. Throws what ends the wait. */
  decide(seen: Seen, waited: number): Promise<Result | undefined> | Result | undefined;
  /** What was seen last, in a word. */
  say(seen: Seen): string;
}

/** Pauses before the first look: the cloud needs a moment for everything. Throws `cloud-unavailable` when patience ends. */
export async function awaited<Seen, Result>(input: Awaited<Seen, Result>): Promise<Result> {
  const { api, run, patience, what } = input;
  const state = waiting(patience);
  let last = "";
  while (await pause(state, api.timing, run.signal)) {
    const seen = await input.look();
    const result = await input.decide(seen, state.waited);
    if (result !== undefined) return result;
    const said = input.say(seen);
    if (said !== last) run.progress(`waiting for ${what}: ${said}`);
    last = said;
  }
  throw new BrokerError(
    "cloud-unavailable",
    `waited ${Math.round(patience.budget / 1_000)} s for ${what}; it is ${last || "unknown"}`,
    { hint: "the cloud is slow or stuck: run the command again, it goes on from here" },
  );
}

export const statusOf = (seen: { readonly status: string } | undefined): string =>
  seen?.status ?? "not to be seen";
