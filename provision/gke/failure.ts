// What a call to Compute Engine can come back with instead of its result, and what that means: again later, or what to do.

import { BrokerError, type ErrorCode } from "#core/errors.ts";
import { DeadlineError, type Timing, type Verdict } from "#provision/retry.ts";

/** Words of the cloud that are passed on. */
const MAX_WORDS = 400;
const MINUTE = 60_000;
/** The rate quota is per minute and project: nodes that wait for the next one do not all come in its first second. */
const RATE_SPREAD = 10_000;
/** A longer Retry-After is not believed. */
const MAX_RETRY_AFTER = 120_000;

const transientStatus: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const rateWords = /rateLimitExceeded|RATE_LIMIT_EXCEEDED|quota metric .* per minute/;
const transientReasons =
  /resourceNotReady|operationInProgress|CONCURRENT_OPERATIONS_QUOTA_EXCEEDED/;
const inUseWords = /IP_IN_USE_BY_ANOTHER_RESOURCE|already being used by another resource/;
const quotaWords = /QUOTA_EXCEEDED|quotaExceeded|limitExceeded/i;
const staleWords = /CONDITION_NOT_MET|conditionNotMet|fingerprint/i;
const transientOperation =
  /RESOURCE_NOT_READY|INTERNAL_ERROR|BACKEND_ERROR|RESOURCE_OPERATION_RATE/;

/** How a call failed. `status` 0: no whole answer came; its `reason` is then `network`, `deadline` or `garbage`. */
export class CallFailure extends Error {
  /** The API's name of the call, for example `instances.get`. */
  readonly call: string;
  readonly status: number;
  /** The API's `errors[].reason`, or that of its ErrorInfo, or an operation's error code. */
  readonly reason: string;
  /** Milliseconds that the answer asks to wait. */
  readonly retryAfter: number | undefined;
  /** Whether it is certain that nothing was applied; false also when an earlier try of the call had no clear answer. */
  definite: boolean;

  constructor(
    call: string,
    status: number,
    reason: string,
    words: string,
    options: { retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(oneLine(words), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CallFailure";
    this.call = call;
    this.status = status;
    this.reason = reason;
    this.retryAfter = options.retryAfter;
    this.definite = status >= 400 && status < 500 && status !== 408;
  }
}

/** The fingerprint that a change was made with is not the current one: somebody else was quicker. */
export const isStale = (thrown: unknown): boolean =>
  thrown instanceof CallFailure && (thrown.status === 412 || staleWords.test(said(thrown)));

/** The range belongs to somebody, or to nobody any more since less than a minute. */
export const isInUse = (thrown: unknown): boolean =>
  thrown instanceof CallFailure && inUseWords.test(said(thrown));

/** An operation that failed for a reason that passes. */
export const isPassing = (thrown: CallFailure): boolean =>
  transientOperation.test(thrown.reason) || transientReasons.test(said(thrown));

export const isMissing = (thrown: unknown): boolean =>
  thrown instanceof CallFailure && thrown.status === 404;

/** Whether the same request may succeed later; requests that change something carry an ID and are not made twice. */
export function classify(thrown: unknown, timing: Timing): Verdict {
  if (thrown instanceof DeadlineError) return { retry: true };
  if (!(thrown instanceof CallFailure)) return { retry: false };
  if (thrown.status === 0) return { retry: true };
  if ([403, 429].includes(thrown.status) && rateWords.test(said(thrown))) {
    const nextMinute = MINUTE - (timing.now() % MINUTE) + timing.random() * RATE_SPREAD;
    return { retry: true, after: thrown.retryAfter ?? nextMinute };
  }
  if (transientStatus.has(thrown.status)) return { retry: true, after: thrown.retryAfter };
  return { retry: [400, 403, 409].includes(thrown.status) && transientReasons.test(said(thrown)) };
}

/** A Retry-After header in milliseconds; only its form in seconds is used by this API. */
export function retryAfterOf(header: string | null): number | undefined {
  if (header === null || !/^[0-9]{1,6}$/.test(header)) return undefined;
  return Math.min(Number(header) * 1_000, MAX_RETRY_AFTER);
}

/** What leaves this room: a BrokerError that says the next step. */
export function explained(thrown: unknown): unknown {
  if (!(thrown instanceof CallFailure)) return thrown;
  const [code, hint] = meaning(thrown);
  const status = thrown.status === 0 ? "" : ` (HTTP ${thrown.status})`;
  return new BrokerError(code, `${thrown.call}: ${thrown.message}${status}`, {
    details: thrown.reason,
    hint,
    cause: thrown,
  });
}

function meaning(failure: CallFailure): readonly [ErrorCode, string] {
  if (rateWords.test(said(failure)))
    return [
      "cloud-unavailable",
      "the project's rate quota is used up; wait a minute, then run the command again",
    ];
  if (quotaWords.test(said(failure)))
    return [
      "cloud-limit",
      "raise the quota that the message names (docs/gke.md, limits), then run the command again",
    ];
  if (isInUse(failure))
    return [
      "cloud-conflict",
      "choose another --subnet, or free the range on the instance that has it",
    ];
  if (/SCOPE_INSUFFICIENT|insufficientPermissions/.test(said(failure)))
    return [
      "cloud-denied",
      "give the node the OAuth scope cloud-platform or compute (docs/gke.md); changing it needs the VM to be stopped",
    ];
  if (failure.status === 401)
    return [
      "cloud-denied",
      "check the node's service account and the clock, or GOOGLE_APPLICATION_CREDENTIALS",
    ];
  if (failure.status === 403)
    return [
      "cloud-denied",
      "grant it to the node's service account: packaging/gke-role.yaml has all that is needed; a grant takes some minutes to arrive",
    ];
  if (failure.status === 404)
    return [
      "cloud-conflict",
      "see whether it was deleted or made anew; a Shared VPC's subnetwork also needs compute.subnetworks.get in the host project",
    ];
  if (failure.status === 412 || failure.status === 409)
    return [
      "cloud-conflict",
      "see who else changes this node in the cloud, then run the command again",
    ];
  if (failure.status === 400)
    return [
      "cloud-conflict",
      "the cloud refuses the change: choose ranges that fit the network (docs/gke.md, address plan)",
    ];
  if (failure.status === 0)
    return [
      "cloud-unavailable",
      "check that this node reaches the Compute Engine API (Private Google Access, DNS, proxies), then run the command again: it goes on from there",
    ];
  return ["cloud-unavailable", "run the command again: it goes on from there"];
}

const said = ({ reason, message }: CallFailure): string => `${reason} ${message}`;

/** One line without control characters, bounded: it is printed to a terminal. */
function oneLine(words: string): string {
  const line = words.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS)}…` : line;
}
