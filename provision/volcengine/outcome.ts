// How a step of ours ends when a limit stops it.

import type { StepOutcome } from "#provision/cloud.ts";
import { type ApiFault, limitHint } from "./fault.ts";

export const short = (reason: string, hint: string): StepOutcome => ({
  kind: "short",
  reason,
  hint,
});

export const shortOf = (fault: ApiFault): StepOutcome =>
  short(fault.message, limitHint(fault.apiCode));
