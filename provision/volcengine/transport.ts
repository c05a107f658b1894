// One signed request through Volcengine's own client; everything that comes back is text until it is parsed.

import { BrokerError } from "#core/errors.ts";
import type { Credentials } from "./credentials.ts";

/** Of the gateway that serves every region; the region is in the signature's scope. */
const DEFAULT_ENDPOINT = "https://open.volcengineapi.com";
/** The largest real answer (100 interfaces with 50 addresses each) has about 1 MB. */
const MAX_ANSWER_BYTES = 4 * 1_024 * 1_024;

export type ServiceName = "vpc" | "ecs";
/** One version for all actions of both services. */
const VERSION = "2020-04-01";

export interface Request {
  readonly service: ServiceName;
  readonly action: string;
  readonly region: string;
  /** Flattened: `SecurityGroupIds.1`; none is empty. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
  readonly text: string;
}

/** Rejects when there is no answer; resolves with any HTTP status. */
export type Send = (request: Request) => Promise<Answer>;

/** Loads the client: only commands that really call the cloud pay for it. */
export async function openTransport(endpoint: string | undefined): Promise<Send> {
  const { protocol, host } = endpointOf(endpoint ?? DEFAULT_ENDPOINT);
  const Client = clientOf((await import("@volcengine/openapi/lib/base/service.js")).default);
  return async ({ service, action, region, parameters, credentials, signal }) => {
    const { accessKeyId, secretKey, sessionToken } = credentials;
    const caller = new Client({
      serviceName: service,
      defaultVersion: VERSION,
      protocol,
      host,
      region,
      accessKeyId,
      secretKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
    let status = 0;
    let retryAfter: number | undefined;
    const body: unknown = await caller.createAPI(action)(parameters, {
      Action: action,
      signal,
      // The signal carries the deadline; the client's own of 10 s would only compete with it.
      timeout: 0,
      maxRedirects: 0,
      maxContentLength: MAX_ANSWER_BYTES,
      // The client drops the status: this is the one place where it can still be seen.
      transformResponse: (data: unknown, headers: unknown, httpStatus?: number) => {
        status = httpStatus ?? 0;
        retryAfter = retryAfterOf(headers);
        return data;
      },
    });
    return { status, retryAfter, text: typeof body === "string" ? body : "" };
  };
}

type Client = (typeof import("@volcengine/openapi/lib/base/service.js"))["default"];

/** Loaders differ in how far they unwrap the default export of the older module format. */
const clientOf = (loaded: Client | { readonly default: Client }): Client =>
  "default" in loaded ? loaded.default : loaded;

/** `host`, `host:port` or a URL without a path; without a scheme it is https. */
export function endpointOf(text: string): { protocol: string; host: string } {
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.host === "")
    throw new BrokerError("invalid-config", `${text} is not an endpoint`, {
      hint: "set VOLCENGINE_ENDPOINT to a host such as open.volcengineapi.com, or leave it out",
    });
  return { protocol: url.protocol, host: url.host };
}

function retryAfterOf(headers: unknown): number | undefined {
  if (typeof headers !== "object" || headers === null || !("retry-after" in headers))
    return undefined;
  const seconds = Number(headers["retry-after"]);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}
