// One HTTP call to Compute Engine at a time: authorised, bounded in time and size, repeated while that helps, counted.

import * as z from "zod/mini";
import { DeadlineError, type RetryLimits, type Timing, retried } from "#provision/retry.ts";
import { readBounded } from "./body.ts";
import type { Credentials } from "./credentials.ts";
import { CallFailure, classify, retryAfterOf } from "./failure.ts";
import { networkWords } from "./metadata.ts";

const DEFAULT_ENDPOINT = "https://compute.googleapis.com/compute/v1/";
/** A page of 200 instances with 150 alias ranges each has about 3 MiB. */
const MAX_BODY_BYTES = 8 * 1_024 * 1_024;

/** Long enough to sleep through some minutes of used-up rate quota; other failures end after about a minute. */
export const callLimits: RetryLimits = {
  calls: 12,
  callDeadline: 30_000,
  deadline: 600_000,
  firstWait: 500,
  longestWait: 8_000,
};

export interface ApiRequest {
  /** The API's name of the call; goes into messages and counts. */
  readonly name: string;
  readonly method: "GET" | "POST" | "PATCH";
  /** Segments below the version, not yet escaped. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as it is: an empty list stays an empty list. */
  readonly body?: unknown;
}

export interface TransportOptions {
  /** As CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE; with or without the version's path. */
  readonly endpoint: string | undefined;
  readonly credentials: (signal: AbortSignal) => Promise<Credentials>;
  readonly timing: Timing;
  readonly limits: RetryLimits;
  /** Adds one to the number of calls of this name. */
  readonly count: (name: string) => void;
}

const errorSchema = z.object({
  error: z.object({
    message: z.optional(z.string()),
    errors: z.optional(z.array(z.object({ reason: z.optional(z.string()) }))),
    details: z.optional(z.array(z.object({ reason: z.optional(z.string()) }))),
  }),
});

export class Transport {
  readonly #options: TransportOptions;
  readonly #base: URL;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#base = endpointUrl(options.endpoint);
  }

  /** The answer's JSON. Throws a CallFailure once repeating is over. */
  async call(request: ApiRequest, signal: AbortSignal): Promise<unknown> {
    const { limits, timing } = this.#options;
    let renewed = false;
    let uncertain = false;
    const { client } = await this.#options.credentials(signal);
    const before = client.credentials.access_token;
    const classified = (thrown: unknown) => {
      uncertain ||= !(thrown instanceof CallFailure && thrown.definite);
      // A token that was revoked before its time is asked for anew, once; another call may have done so.
      const refused = thrown instanceof CallFailure && thrown.status === 401;
      if (!refused || renewed) return classify(thrown, timing);
      renewed = true;
      if (client.credentials.access_token === before) client.credentials = {};
      return { retry: true } as const;
    };
    return retried({
      limits,
      timing,
      signal,
      call: (_, limited) => this.#once(client, request, limited),
      classify: classified,
    }).catch((thrown: unknown) => {
      // An earlier try may have been served, whatever the last one was told.
      if (thrown instanceof CallFailure && uncertain) thrown.definite = false;
      if (!(thrown instanceof DeadlineError)) throw thrown;
      throw new CallFailure(request.name, 0, "deadline", thrown.message, { cause: thrown });
    });
  }

  async #once(
    client: Credentials["client"],
    request: ApiRequest,
    signal: AbortSignal,
  ): Promise<unknown> {
    this.#options.count(request.name);
    const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) };
    const response = await client
      .request<AsyncIterable<Uint8Array>>({
        url: this.#url(request),
        method: request.method,
        headers: { "content-type": "application/json", accept: "application/json" },
        ...body,
        responseType: "stream",
        validateStatus: () => true,
        retry: false,
        redirect: "error",
        signal,
      })
      .catch((thrown: unknown) => {
        throw lost(request, thrown);
      });
    const text = await readBounded(response.data, MAX_BODY_BYTES).catch((thrown: unknown) => {
      throw lost(request, thrown);
    });
    const json = parseJson(text);
    if (response.status >= 200 && response.status < 300 && json !== undefined) return json;
    if (response.status < 300)
      throw new CallFailure(request.name, 0, "garbage", "the answer is not JSON");
    throw refusal(request, response.status, json, response.headers.get("retry-after"));
  }

  #url({ path, query }: ApiRequest): URL {
    const url = new URL(path.map(encodeURIComponent).join("/"), this.#base);
    for (const [key, value] of Object.entries(query ?? {})) url.searchParams.set(key, value);
    return url;
  }
}

function endpointUrl(endpoint: string | undefined): URL {
  if (endpoint === undefined || endpoint === "") return new URL(DEFAULT_ENDPOINT);
  const url = new URL(endpoint);
  const bare = url.pathname === "/";
  return new URL(bare ? "/compute/v1/" : `${url.pathname.replace(/\/+$/, "")}/`, url);
}

function refusal(
  request: ApiRequest,
  status: number,
  json: unknown,
  retryAfter: string | null,
): CallFailure {
  const parsed = errorSchema.safeParse(json);
  const said = parsed.success ? parsed.data.error : undefined;
  const reasons = [...(said?.errors ?? []), ...(said?.details ?? [])].flatMap(
    ({ reason }) => reason ?? [],
  );
  const words = said?.message ?? "an answer that is not the API's";
  return new CallFailure(request.name, status, reasons.join(" "), words, {
    retryAfter: retryAfterOf(retryAfter),
  });
}

/** A failure of ours or of the metadata server's passes as it is; what the socket said becomes a failure of the call. */
function lost(request: ApiRequest, thrown: unknown): unknown {
  const network =
    thrown instanceof Error &&
    (thrown.name === "GaxiosError" ||
      thrown.name === "FetchError" ||
      thrown instanceof TypeError ||
      thrown instanceof RangeError ||
      "code" in thrown) &&
    thrown.name !== "BrokerError";
  return network
    ? new CallFailure(request.name, 0, "network", networkWords(thrown), { cause: thrown })
    : thrown;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Undefined is what no JSON text is.
    return undefined;
  }
}
