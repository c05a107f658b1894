// Makes one change of a list that others change too: read, decide, send with the fingerprint that was read, wait, read again.

import { BrokerError } from "#core/errors.ts";
import type { Run, StepOutcome } from "#provision/cloud.ts";
import type { Timing } from "#provision/retry.ts";
import type { Change, ComputeApi, OperationScope } from "./api.ts";
import { CallFailure, isInUse, isPassing, isStale } from "./failure.ts";
import { waitFor } from "./operation.ts";
import type { Operation } from "./resources.ts";

/** Others that were quicker, and operations that failed for a passing reason. */
const MAX_RACES = 10;
const FIRST_WAIT = 200;
const LONGEST_WAIT = 10_000;
/** A range that was taken from an instance can be had after up to a minute. */
const TRANSFER_DEADLINE = 120_000;
const TRANSFER_WAIT = 20_000;

/** What was read, and the request that would make it as wanted; no `send`: it already is. */
export interface ListState {
  readonly fingerprint: string;
  readonly send: ((change: Change) => Promise<Operation>) | undefined;
}

export interface ListChange {
  readonly api: ComputeApi;
  readonly timing: Timing;
  readonly scope: OperationScope;
  /** For messages. */
  readonly target: string;
  readonly run: Run;
  /** Always reads anew: an old list sent again would undo what others did. */
  read(): Promise<ListState>;
  /** Throws when the range that is in use has an owner; otherwise it may be free soon. */
  checkOwner(): Promise<void>;
}

/** Whether any request of this run may have been carried out, or may be still. */
interface Asked {
  doubt: boolean;
}

/** Ends when reading shows what is wanted. When nothing of it was made, that is kept: what shows later is not ours. */
export async function makeChange(input: ListChange): Promise<StepOutcome> {
  const asked: Asked = { doubt: false };
  try {
    return await changed(input, asked);
  } catch (thrown) {
    if (!asked.doubt) await input.run.refused();
    throw thrown;
  }
}

async function changed(input: ListChange, asked: Asked): Promise<StepOutcome> {
  const { run, timing } = input;
  let noted = run.before["fingerprint"];
  let transfer: number | undefined;
  for (let race = 0; race < MAX_RACES;) {
    const { fingerprint, send } = await input.read();
    if (send === undefined) return { kind: "done", notes: {} };
    // The ID of a request is never used for another one: the cloud would answer with what the first one did.
    if (noted !== undefined && noted !== fingerprint) await run.renewToken();
    const repeated = noted === fingerprint;
    await run.note({ fingerprint, operation: "" });
    const change = { fingerprint, requestId: run.token };
    const failure = await attempt(input, change, send, { asked, repeated });
    noted = "";
    if (isInUse(failure)) {
      transfer ??= timing.now() + TRANSFER_DEADLINE;
      await input.checkOwner();
      if (timing.now() >= transfer) throw failure;
      run.progress(
        "the range is still in use; a range that was freed can be had after up to a minute",
      );
      await timing.sleep(TRANSFER_WAIT * (1 + timing.random() / 4), run.signal);
      continue;
    }
    race++;
    if (failure === undefined) continue;
    run.progress(`it was not made (${failure.message}); trying again`);
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** race);
    await timing.sleep(wait * (0.5 + timing.random() / 2), run.signal);
  }
  throw new BrokerError(
    "cloud-conflict",
    `${input.target}: it changed under our hands ${MAX_RACES} times in a row`,
    { hint: "see who else changes it in the cloud, then run the command again" },
  );
}

/**
 * What made it fail in a way that another attempt may get over; throws everything else. A repeated request is answered
 * with the operation that an earlier run began, and why that one failed may be over by now.
 */
async function attempt(
  { api, timing, scope, run }: ListChange,
  change: Change,
  send: (change: Change) => Promise<Operation>,
  { asked, repeated }: { readonly asked: Asked; readonly repeated: boolean },
): Promise<CallFailure | undefined> {
  let failure: CallFailure | undefined;
  let accepted = false;
  try {
    const { name } = await send(change);
    accepted = true;
    await run.note({ operation: name });
    run.progress(`waiting for ${name}`);
    failure = await waitFor({ api, timing, scope, signal: run.signal }, name);
    if (failure?.definite !== true) asked.doubt = true;
  } catch (thrown) {
    if (accepted || !(thrown instanceof CallFailure && thrown.definite)) asked.doubt = true;
    if (!(thrown instanceof CallFailure && (isStale(thrown) || isInUse(thrown)))) throw thrown;
    failure = thrown;
  }
  if (failure === undefined || repeated) return failure;
  if (isStale(failure) || isInUse(failure) || isPassing(failure)) return failure;
  throw failure;
}
