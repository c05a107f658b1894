// Steps of every cloud alike: what only stays, and what a plan still has to do.

import type { CloudPlan, CloudStep } from "./cloud.ts";

/** Something that stays, in the plan so that a person sees it, with the reason. */
export const keepStep = (id: string, target: string, detail: string): CloudStep => ({
  id,
  action: "keep",
  target,
  detail,
  changes: [],
  reads: [],
});

/** Steps that change something, in the cloud or on this machine. */
export const pendingSteps = ({ steps }: CloudPlan): readonly CloudStep[] =>
  steps.filter(({ action }) => action !== "keep" && action !== "check" && action !== "wait");

/** Steps in one line, for a message. */
export const inOneLine = (steps: readonly CloudStep[]): string =>
  steps.map(({ action, target }) => `${action} ${target}`).join("; ");
