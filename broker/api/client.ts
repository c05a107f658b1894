// The API from the other side: what the commands use to talk to a running broker.

import { type IncomingMessage, request as httpRequest } from "node:http";
import * as z from "zod/mini";
import { BrokerError, type ErrorCode, errorCodes } from "#core/errors.ts";
import {
  type AddressAnswer,
  type ForgetAnswer,
  type FsckAnswer,
  type HealthAnswer,
  type LeaseAnswer,
  type RecordedEvent,
  type StatusAnswer,
  addressAnswer,
  errorAnswer,
  forgetAnswer,
  fsckAnswer,
  healthAnswer,
  leasesAnswer,
  recordedEvent,
  statusAnswer,
} from "./contract.ts";
import { RECENT_TOLD } from "./event-stream.ts";

/** Largest answer that is read: 65,536 leases take about 30 MiB. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
/** Silence after which a broker that does not say so is taken to have told all recent events. */
const SILENCE_MS = 3_000;
/** Longest line of an event stream. */
const MAX_LINE_LENGTH = 64 * 1024;
/** How long the broker may stay silent. */
const ANSWER_LIMIT_MS = 30_000;
/** The same for fsck, which looks at every lease up to four times. */
const FSCK_LIMIT_MS = 600_000;

export interface ApiClient {
  status(): Promise<StatusAnswer>;
  leases(): Promise<readonly LeaseAnswer[]>;
  address(ip: string): Promise<AddressAnswer>;
  forgetLease(ip: string, sequence?: number): Promise<ForgetAnswer>;
  /** Compares the ledger with what is there; with `repair` the differences are mended. */
  fsck(repair: boolean): Promise<FsckAnswer>;
  ready(): Promise<HealthAnswer>;
  /** Ends when the broker or the signal ends it, and with `recentOnly` when the recent events are told. */
  events(options: EventsOptions): AsyncGenerator<RecordedEvent>;
}

export interface EventsOptions {
  readonly replay: boolean;
  readonly signal: AbortSignal;
  readonly recentOnly?: boolean;
}

/** A client of the broker behind the socket. Every method throws the broker's own error, or `not-ready` when none runs. */
export function createApiClient(socketPath: string): ApiClient {
  const call = async <Schema extends z.ZodMiniType>(
    schema: Schema,
    method: string,
    path: string,
    expected: readonly number[] = [200],
  ) => {
    const response = await open(socketPath, method, path);
    const text = await readText(response);
    if (!expected.includes(response.statusCode ?? 0)) throw errorOf(response.statusCode ?? 0, text);
    return understand(schema, text);
  };
  return {
    status: () => call(statusAnswer, "GET", "/v1/status"),
    leases: async () => (await call(leasesAnswer, "GET", "/v1/leases")).leases,
    address: (ip) => call(addressAnswer, "GET", `/v1/leases/${encodeURIComponent(ip)}`),
    forgetLease: (ip, sequence) =>
      call(
        forgetAnswer,
        "DELETE",
        `/v1/leases/${encodeURIComponent(ip)}${sequence === undefined ? "" : `?sequence=${sequence}`}`,
      ),
    async fsck(repair) {
      const options = { body: JSON.stringify({ repair }), patience: FSCK_LIMIT_MS };
      const response = await open(socketPath, "POST", "/v1/fsck", options);
      const text = await readText(response);
      if (response.statusCode === 404) throw tooOld("fsck");
      if (response.statusCode !== 200) throw errorOf(response.statusCode ?? 0, text);
      return understand(fsckAnswer, text);
    },
    ready: () => call(healthAnswer, "GET", "/readyz", [200, 503]),
    events: (options) => readEvents(socketPath, options),
  };
}

async function* readEvents(
  socketPath: string,
  options: EventsOptions,
): AsyncGenerator<RecordedEvent> {
  const response = await open(socketPath, "GET", `/v1/events?replay=${options.replay ? 1 : 0}`, {
    signal: options.signal,
    patience: 0,
  });
  if (response.statusCode !== 200)
    throw errorOf(response.statusCode ?? 0, await readText(response));
  response.setEncoding("utf8");
  // A broker of an earlier release does not say when all are told: its silence does.
  let silent = false;
  const atSilence = () => {
    silent = true;
    response.destroy();
  };
  const timer = options.recentOnly === true ? setTimeout(atSilence, SILENCE_MS) : undefined;
  try {
    for await (const line of linesOf(response as AsyncIterable<string>)) {
      timer?.refresh();
      if (options.recentOnly === true && line === RECENT_TOLD) return;
      if (line.startsWith("data: ")) yield understand(recordedEvent, line.slice(6));
    }
  } catch (thrown) {
    if (!silent) throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

async function* linesOf(response: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of response) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE_LENGTH)
      throw new BrokerError("internal", "the broker sent an event without end", {
        hint: "report this with the broker's version",
      });
    yield* lines;
  }
}

interface Asking {
  readonly signal?: AbortSignal;
  readonly body?: string;
  /** Milliseconds for which the broker may stay silent; 0: for ever. */
  readonly patience?: number;
}

function open(
  socketPath: string,
  method: string,
  path: string,
  { signal, body, patience = ANSWER_LIMIT_MS }: Asking = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        socketPath,
        method,
        path,
        headers: {
          Host: "cocoon-net",
          ...(body === undefined
            ? {}
            : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) }),
        },
        ...(signal === undefined ? {} : { signal }),
      },
      resolve,
    );
    request.setTimeout(patience, () => request.destroy(silent(socketPath, patience)));
    request.once("error", (cause) =>
      reject(cause instanceof BrokerError ? cause : unreachable(socketPath, cause)),
    );
    request.end(body);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_ANSWER_BYTES)
      throw new BrokerError(
        "internal",
        `the broker's answer has more than ${MAX_ANSWER_BYTES} bytes`,
      );
    parts.push(part);
  }
  return Buffer.concat(parts, length).toString("utf8");
}

function understand<Schema extends z.ZodMiniType>(schema: Schema, text: string): z.infer<Schema> {
  const parsed = z.safeParse(schema, parseJson(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new BrokerError(
    "unsupported-version",
    `the broker's answer is not understood: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
    {
      hint: "broker and command must be at most two minor versions apart; compare `cocoon-net --version` with the running broker",
    },
  );
}

function errorOf(status: number, text: string): BrokerError {
  const parsed = z.safeParse(errorAnswer, parseJson(text));
  if (!parsed.success)
    return new BrokerError("internal", `the broker answered with status ${status} and no reason`, {
      hint: "see the broker's log",
    });
  const { code, message, details, hint } = parsed.data;
  return new BrokerError(isErrorCode(code) ? code : "internal", message, { details, hint });
}

const isErrorCode = (code: string): code is ErrorCode =>
  (errorCodes as readonly string[]).includes(code);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is told apart by the schema that every caller applies.
    return undefined;
  }
}

const tooOld = (what: string) =>
  new BrokerError("unsupported-version", `the running broker does not know ${what} yet`, {
    hint: "restart it with this version: systemctl restart cocoon-net",
  });

const silent = (socketPath: string, patience: number) =>
  new BrokerError(
    "not-ready",
    `the broker on ${socketPath} has not answered within ${patience / 1_000} s`,
    { hint: "see its log: journalctl -u cocoon-net" },
  );

function unreachable(socketPath: string, cause: Error): BrokerError {
  const code = "code" in cause ? cause.code : undefined;
  if (code === "EACCES" || code === "EPERM")
    return new BrokerError("permission-denied", `the socket ${socketPath} may not be opened`, {
      hint: "run as root",
      cause,
    });
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    return new BrokerError(
      "not-ready",
      `the broker is not running: ${code === "ENOENT" ? `there is no ${socketPath}` : `nobody listens on ${socketPath}`}`,
      {
        hint: "start it with `systemctl start cocoon-net` or `cocoon-net daemon`, or name another socket with --socket",
        cause,
      },
    );
  }
  return new BrokerError(
    "not-ready",
    `the broker on ${socketPath} ended the connection: ${cause.message}`,
    { hint: "see its log: journalctl -u cocoon-net", cause },
  );
}
