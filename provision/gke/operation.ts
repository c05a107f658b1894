// Operations: a change is accepted with HTTP 200 and only its operation tells, later, whether it was made.

import { BrokerError } from "#core/errors.ts";
import type { Timing } from "#provision/retry.ts";
import type { ComputeApi, OperationScope } from "./api.ts";
import { CallFailure, isMissing } from "./failure.ts";
import type { Operation } from "./resources.ts";

/** Alias changes take seconds; minutes when the zone is busy. */
const OPERATION_DEADLINE = 300_000;
/** The cloud's wait may answer at once: between two of them goes about this, with chance. */
const POLL = 1_000;

export interface OperationWait {
  readonly api: ComputeApi;
  readonly timing: Timing;
  readonly signal: AbortSignal;
  readonly scope: OperationScope;
}

/**
 * How an operation ended: `undefined` when it was carried out, or is not known to the cloud any more (reading
 * what it changed tells), else why it failed. Throws `cloud-unavailable` when it takes too long; it is not lost then.
 */
export async function waitFor(
  { api, timing, signal, scope }: OperationWait,
  name: string,
): Promise<CallFailure | undefined> {
  const end = timing.now() + OPERATION_DEADLINE;
  while (timing.now() < end) {
    const seen = await api.waitOperation(scope, name, signal).catch((thrown: unknown) => {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    });
    if (seen === undefined) return undefined;
    if (seen.status === "DONE") return failureOf(seen, name);
    await timing.sleep(POLL * (0.5 + timing.random()), signal);
  }
  throw new BrokerError(
    "cloud-unavailable",
    `operation ${name} has not ended after ${OPERATION_DEADLINE / 1_000} s`,
    { hint: "run the command again: it goes on waiting for the same operation" },
  );
}

/** Waits for what an earlier, interrupted run may have begun: by its name, or by the ID of its request. */
export async function settle(
  wait: OperationWait,
  begun: { readonly operation: string | undefined; readonly requestId: string },
): Promise<void> {
  const name =
    begun.operation ?? (await wait.api.operationOf(wait.scope, begun.requestId, wait.signal))?.name;
  // Why it failed does not matter any more: what is there now does, and is read next.
  if (name !== undefined) await waitFor(wait, name);
}

function failureOf(operation: Operation, name: string): CallFailure | undefined {
  const { error, httpErrorStatusCode = 0, httpErrorMessage = "" } = operation;
  const [first] = error?.errors ?? [];
  if (first === undefined && httpErrorStatusCode < 400) return undefined;
  const status = httpErrorStatusCode >= 400 ? httpErrorStatusCode : 400;
  const words =
    first?.message === undefined || first.message === "" ? httpErrorMessage : first.message;
  return new CallFailure(`operation ${name}`, status, first?.code ?? "", words);
}
