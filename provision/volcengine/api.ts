// Calls Volcengine's API: paced, each with its deadline, repeated within bounds, answers parsed, errors classed.

import * as z from "zod/mini";
import {
  DeadlineError,
  type RetryLimits,
  type Timing,
  type Verdict,
  retried,
} from "#provision/retry.ts";
import { TokenBucket } from "#provision/token-bucket.ts";
import type { CredentialSource } from "./credentials.ts";
import { ApiFault, type FaultFacts, kindOf } from "./fault.ts";
import type { Answer, Send, ServiceName } from "./transport.ts";

/** Throttled calls go on for long: a hundred nodes that boot at once share one account's rate. */
export const CALL_LIMITS: RetryLimits = {
  calls: 200,
  callDeadline: 15_000,
  deadline: 30 * 60_000,
  firstWait: 500,
  longestWait: 20_000,
};
/** Answers in a row that cannot be understood; what is behind them is not going to end soon. */
const MAX_UNCERTAIN = 4;
/** The published pace of the vendor's own network plugin; per-action limits are not published. */
const READ_PACE = { perSecond: 4, burst: 7 };
const WRITE_PACE = { perSecond: 2, burst: 3 };
const MAX_CODE = 128;
const MAX_MESSAGE = 512;

/** A parameter; lists become `Key.1`, `Key.2` and so on, what is undefined is left out. */
export type Value = string | number | boolean | undefined | readonly Value[] | Parameters;
export interface Parameters {
  readonly [key: string]: Value;
}

/** An action of the API. */
export interface Action<Result> {
  readonly service: ServiceName;
  readonly name: string;
  readonly result: z.ZodMiniType<Result>;
  /** `token`: repeating it with the same client token is harmless; `bare`: it takes none. */
  readonly changes: false | "token" | "bare";
}

export interface ApiOptions {
  readonly send: Send;
  readonly region: string;
  readonly credentials: CredentialSource;
  readonly timing: Timing;
  readonly limits: RetryLimits;
  /** Requests sent, by action: counted here. */
  readonly calls: Map<string, number>;
}

const envelope = z.object({
  ResponseMetadata: z.object({
    RequestId: z._default(z.string(), ""),
    Error: z.optional(
      z.nullable(
        z.object({ Code: z._default(z.string(), ""), Message: z._default(z.string(), "") }),
      ),
    ),
  }),
  Result: z.optional(z.unknown()),
});

export class Api {
  readonly region: string;
  readonly timing: Timing;
  readonly #options: ApiOptions;
  readonly #reads: TokenBucket;
  readonly #writes: TokenBucket;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.region = options.region;
    this.timing = options.timing;
    this.#reads = new TokenBucket(READ_PACE, options.timing);
    this.#writes = new TokenBucket(WRITE_PACE, options.timing);
  }

  /**
   * Throws an ApiFault. A change that takes no client token is not repeated when its answer was lost (`uncertain`):
   * the caller looks first.
   */
  async call<Result>(
    action: Action<Result>,
    parameters: Parameters,
    signal: AbortSignal,
  ): Promise<Result> {
    const { timing, limits, credentials } = this.#options;
    const bucket = action.changes === false ? this.#reads : this.#writes;
    const flat = flatten(parameters);
    let uncertain = 0;
    let renewed = false;
    const result = await retried<Result>({
      limits,
      timing,
      signal,
      call: async (_, limited) => this.#once(action, flat, limited, bucket),
      classify: (thrown): Verdict => {
        const fault = asFault(thrown, this.#facts(action, ""));
        if (fault?.kind === "throttled") {
          bucket.slowDown();
          return { retry: true, after: fault.after };
        }
        if (fault?.kind === "credentials" && !renewed) {
          renewed = true;
          return { retry: credentials.renew() };
        }
        if (fault?.kind !== "uncertain" || action.changes === "bare") return { retry: false };
        uncertain += 1;
        return { retry: uncertain < MAX_UNCERTAIN, after: fault.after };
      },
    }).catch((thrown: unknown) => {
      const fault = asFault(thrown, this.#facts(action, ""));
      // An earlier try may have been served, whatever the last one was told.
      if (fault !== undefined && uncertain > 0) fault.definite = false;
      throw fault ?? thrown;
    });
    bucket.recover();
    return result;
  }

  async #once<Result>(
    action: Action<Result>,
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal,
    bucket: TokenBucket,
  ): Promise<Result> {
    const credentials = await this.#options.credentials.current(signal);
    await bucket.take(signal);
    const { calls } = this.#options;
    calls.set(action.name, (calls.get(action.name) ?? 0) + 1);
    const facts = this.#facts(action, credentials.source);
    let answer: Answer;
    try {
      answer = await this.#options.send({
        service: action.service,
        action: action.name,
        region: this.region,
        parameters,
        credentials,
        signal,
      });
    } catch (thrown) {
      throw new ApiFault("uncertain", { ...facts, message: withoutAnswer(thrown, signal) });
    }
    return resultOf(action, answer, facts);
  }

  #facts({ service, name }: Action<unknown>, source: string): FaultFacts {
    const { region } = this;
    return {
      service,
      action: name,
      region,
      status: 0,
      apiCode: "",
      message: "",
      requestId: "",
      source,
    };
  }
}

/** A deadline that passed is an answer that did not come. */
const asFault = (thrown: unknown, facts: FaultFacts): ApiFault | undefined =>
  thrown instanceof DeadlineError
    ? new ApiFault("uncertain", { ...facts, message: thrown.message })
    : thrown instanceof ApiFault
      ? thrown
      : undefined;

function resultOf<Result>(action: Action<Result>, answer: Answer, facts: FaultFacts): Result {
  const known = { ...facts, status: answer.status };
  const parsed = envelope.safeParse(jsonOf(answer.text));
  if (!parsed.success)
    throw new ApiFault(
      answer.status === 429 ? "throttled" : "uncertain",
      { ...known, message: `the answer with HTTP status ${answer.status} is not one of this API` },
      answer.retryAfter,
    );
  const { ResponseMetadata: metadata, Result: result } = parsed.data;
  const requestId = printable(metadata.RequestId).slice(0, MAX_CODE);
  const error = metadata.Error ?? undefined;
  if (error !== undefined || answer.status >= 400) {
    const apiCode = printable(error?.Code ?? "").slice(0, MAX_CODE);
    const said = error?.Message ?? `HTTP status ${answer.status}`;
    const message = printable(said).slice(0, MAX_MESSAGE);
    throw new ApiFault(
      kindOf(answer.status, apiCode),
      { ...known, apiCode, message, requestId },
      answer.retryAfter,
    );
  }
  const body = action.result.safeParse(result ?? {});
  if (body.success) return body.data;
  const issue = body.error.issues[0];
  const message = `its answer cannot be used: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`;
  throw new ApiFault("uncertain", { ...known, message, requestId });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Names and codes only: the client's errors carry the whole request. Throws what is no failure of the network. */
function withoutAnswer(thrown: unknown, signal: AbortSignal): string {
  if (signal.aborted && signal.reason instanceof Error) return signal.reason.message;
  if (!(thrown instanceof Error) || !("isAxiosError" in thrown)) throw thrown;
  const code = "code" in thrown && typeof thrown.code === "string" ? thrown.code : thrown.name;
  return `no answer (${code})`;
}

/** Text from outside that may be shown on a terminal. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");

/** As this API wants lists and structures: `SecurityGroupIds.1`, `Tags.1.Key`. */
export function flatten(parameters: Parameters): Record<string, string> {
  const flat: Record<string, string> = {};
  const add = (key: string, value: Value): void => {
    if (value === undefined || value === "") return;
    if (typeof value !== "object") {
      flat[key] = String(value);
      return;
    }
    const inner = Array.isArray(value)
      ? value.map((item: Value, index): [string, Value] => [String(index + 1), item])
      : Object.entries(value);
    for (const [name, item] of inner) add(key === "" ? name : `${key}.${name}`, item);
  };
  add("", parameters);
  return flat;
}
