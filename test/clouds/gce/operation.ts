// Operations: accepted with HTTP 200, carried out some calls later, and only then known to have failed.

import { randomBytes } from "node:crypto";
import { json, notFound } from "./errors.ts";
import type { Options } from "./scenario.ts";

/** Why an operation failed; HTTP never says it, since the request was answered with 200. */
export interface OperationFailure {
  readonly code: string;
  readonly message: string;
  readonly httpErrorStatusCode: number;
  readonly httpErrorMessage: string;
}

interface Operation {
  readonly name: string;
  /** uint64 in decimal: never the name. */
  readonly id: string;
  /** `projects/P/zones/Z` or `projects/P/regions/R`. */
  readonly scope: string;
  readonly type: string;
  readonly target: string;
  readonly targetId: string;
  readonly requestId: string | undefined;
  readonly insertTime: number;
  readonly carryOut: () => OperationFailure | undefined;
  calls: number;
  status: "PENDING" | "RUNNING" | "DONE";
  failure?: OperationFailure;
  endTime?: number;
}

/** How long a request ID is remembered. */
const REPLAY_MS = 60 * 60 * 1_000;
const BASE = "https://www.googleapis.com/compute/v1/";

export class Operations {
  readonly #operations: Operation[] = [];
  readonly #options: () => Options;
  readonly #now: () => number;
  #forced: OperationFailure[] = [];

  constructor(options: () => Options, now: () => number) {
    this.#options = options;
    this.#now = now;
  }

  /** Accepts a change that `carryOut` makes when the operation ends. */
  begin(
    change: Pick<Operation, "scope" | "type" | "target" | "targetId" | "requestId" | "carryOut">,
  ): Operation {
    const operation: Operation = {
      ...change,
      name: `operation-${this.#now()}-${randomBytes(7).toString("hex")}-${randomBytes(4).toString("hex")}`,
      id: randomBytes(8).readBigUInt64BE().toString(),
      insertTime: this.#now(),
      calls: 0,
      status: "PENDING",
    };
    this.#operations.push(operation);
    return operation;
  }

  /** The operation that this request ID began, while it is remembered. */
  replayed(requestId: string | undefined): Operation | undefined {
    if (requestId === undefined) return undefined;
    const oldest = this.#now() - REPLAY_MS;
    return this.#operations.find(
      (operation) => operation.requestId === requestId && operation.insertTime > oldest,
    );
  }

  /** Whether an operation on this resource has not ended. */
  busy(target: string): boolean {
    return this.pending.some((operation) => operation.target === target);
  }

  get pending(): readonly Operation[] {
    return this.#operations.filter(({ status }) => status !== "DONE");
  }

  /** A call was made to the API: everything under way comes a step further. */
  advance(): void {
    const { callsUntilRunning, callsUntilDone } = this.#options();
    for (const operation of this.pending) {
      operation.calls += 1;
      if (operation.calls >= callsUntilRunning) operation.status = "RUNNING";
      if (operation.calls >= callsUntilDone) this.#end(operation);
    }
  }

  /** Ends everything that is under way, as the cloud does when nobody asks. */
  settle(): void {
    for (const operation of this.pending) this.#end(operation);
  }

  /** The next operation to end fails like this, and changes nothing. */
  failNext(failure: OperationFailure): void {
    this.#forced.push(failure);
  }

  get(scope: string, name: string): Operation {
    const found = this.#operations.find((each) => each.scope === scope && each.name === name);
    if (found === undefined) throw notFound(`${scope}/operations/${name}`);
    return found;
  }

  list(scope: string): readonly Operation[] {
    return this.#operations.filter((operation) => operation.scope === scope);
  }

  #end(operation: Operation): void {
    const forced = this.#forced.shift();
    const failure = forced ?? operation.carryOut();
    if (failure !== undefined) operation.failure = failure;
    operation.status = "DONE";
    operation.endTime = this.#now();
  }
}

export type { Operation };

const time = (milliseconds: number) => new Date(milliseconds).toISOString();

/** An operation as the API shows it. */
export function operationJson(operation: Operation, user: string): Record<string, unknown> {
  const { scope, status, failure } = operation;
  const place = scope.includes("/zones/") ? "zone" : "region";
  return {
    kind: "compute#operation",
    id: operation.id,
    name: operation.name,
    [place]: `${BASE}${scope}`,
    ...(operation.requestId === undefined ? {} : { clientOperationId: operation.requestId }),
    operationType: operation.type,
    targetLink: `${BASE}${operation.target}`,
    targetId: operation.targetId,
    status,
    user,
    progress: { PENDING: 0, RUNNING: 50, DONE: 100 }[status],
    insertTime: time(operation.insertTime),
    ...(status === "PENDING" ? {} : { startTime: time(operation.insertTime) }),
    ...(operation.endTime === undefined ? {} : { endTime: time(operation.endTime) }),
    ...(failure === undefined
      ? {}
      : {
          error: { errors: [{ code: failure.code, message: failure.message }] },
          httpErrorStatusCode: failure.httpErrorStatusCode,
          httpErrorMessage: failure.httpErrorMessage,
        }),
    selfLink: `${BASE}${scope}/operations/${operation.name}`,
  };
}

export const operationAnswer = (operation: Operation, user: string) =>
  json(operationJson(operation, user));
