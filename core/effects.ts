// Effects as data, and the rule of their order: decide, persist, route, reply.

import type { Ip, Mac } from "./address.ts";
import type { Change } from "./record.ts";
import type { BusinessEvent } from "./events.ts";

/**
 * The kinds of effect the broker has on the world, in the order in which one command may have them. The set is closed:
 * the crash suite kills the broker before and after each of them and asserts that it knows them all.
 */
export const effectKinds = ["persist", "route", "reply", "mirror", "unspool"] as const;
export type EffectKind = (typeof effectKinds)[number];

/** What a command was about; each has its row in {@link effectsOf}. */
export type Verb =
  | "ADD"
  | "CONFIRM"
  | "DEL"
  | "CHECK"
  | "GC"
  | "STATUS"
  | "DISCOVER"
  | "REQUEST"
  | "DECLINE"
  | "RELEASE"
  | "INFORM"
  | "FORGET"
  | "SWEEP"
  | "IMPORT"
  | "RECOVER";

/** Which effects a verb can have when it succeeds. A verb never has an effect outside its row. */
export const effectsOf: Readonly<Record<Verb, readonly EffectKind[]>> = {
  ADD: ["persist", "route", "reply", "mirror"],
  CONFIRM: ["persist"],
  DEL: ["persist", "route", "reply", "mirror", "unspool"],
  CHECK: ["reply"],
  GC: ["persist", "route", "reply", "mirror"],
  STATUS: ["reply"],
  DISCOVER: ["reply"],
  REQUEST: ["persist", "route", "reply", "mirror"],
  DECLINE: ["persist", "route", "mirror"],
  RELEASE: ["persist", "route", "mirror"],
  INFORM: ["reply"],
  FORGET: ["persist", "route", "reply", "mirror"],
  SWEEP: ["persist", "route", "mirror"],
  IMPORT: ["persist", "mirror"],
  RECOVER: ["persist", "mirror"],
};

/**
 * A host route (/32 or /128) to our bridge, with a permanent neighbour where the MAC is known. `alone`: a look at the kernel
 * has just shown that no neighbour stands there, so that none need be removed.
 */
export type RouteChange =
  | { readonly op: "add"; readonly ip: Ip; readonly mac?: Mac; readonly alone?: true }
  | { readonly op: "delete"; readonly ip: Ip };

/** What a pure decision asks for. `changes` are applied to the ledger at once and undone if the commit fails. */
export interface Decision<Outcome> {
  readonly changes: readonly Change[];
  readonly routes: readonly RouteChange[];
  readonly events: readonly BusinessEvent[];
  readonly outcome: Outcome;
}

/** A decision that changes nothing. */
export function unchanged<Outcome>(
  outcome: Outcome,
  events: readonly BusinessEvent[] = [],
): Decision<Outcome> {
  return { changes: [], routes: [], events, outcome };
}
