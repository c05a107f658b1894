// Errors as the Compute Engine API words them.

import type { Answer } from "#test/clouds/shared/http-server.ts";

interface Wording {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  /** The message inside `errors`, where it differs. */
  readonly inner?: string;
  readonly domain?: string;
  readonly status?: string;
  /** Of a google.rpc.ErrorInfo. */
  readonly info?: {
    readonly reason: string;
    readonly domain: string;
    readonly metadata?: Readonly<Record<string, string>>;
  };
  readonly location?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal; `unexpected` when the caller did what no client of this API does. */
export class GceError extends Error {
  readonly wording: Wording;
  readonly unexpected: boolean;

  constructor(wording: Wording, unexpected = false) {
    super(wording.message);
    this.wording = wording;
    this.unexpected = unexpected;
  }

  get answer(): Answer {
    const { code, message, reason, inner = message, domain = "global", location } = this.wording;
    const { status, info, headers } = this.wording;
    const error = {
      code,
      message,
      errors: [
        {
          message: inner,
          domain,
          reason,
          ...(location === undefined ? {} : { location, locationType: "header" }),
        },
      ],
      ...(status === undefined ? {} : { status }),
      ...(info === undefined
        ? {}
        : { details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", ...info }] }),
    };
    return json({ error }, code, headers);
  }
}

export const json = (
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers: { "content-type": "application/json; charset=UTF-8", vary: "Origin", ...headers },
  body: `${JSON.stringify(body, undefined, 2)}\n`,
});

export const invalid = (field: string, value: string, what: string): GceError =>
  new GceError({
    code: 400,
    message: `Invalid value for field '${field}': '${value}'. ${what}`,
    reason: "invalid",
  });

export const required = (field: string): GceError =>
  new GceError({
    code: 400,
    message: `Required field '${field}' not specified`,
    reason: "required",
  });

/** What no client of this API sends. */
export const unknownName = (name: string, where: string): GceError =>
  new GceError(
    {
      code: 400,
      message: `Invalid JSON payload received. Unknown name "${name}"${where}`,
      reason: "badRequest",
      status: "INVALID_ARGUMENT",
    },
    true,
  );

export const parseError = (): GceError =>
  new GceError({ code: 400, message: "Parse Error", reason: "parseError" }, true);

export const notFound = (resource: string): GceError =>
  new GceError({
    code: 404,
    message: `The resource '${resource}' was not found`,
    reason: "notFound",
  });

export const conditionNotMet = (): GceError =>
  new GceError({ code: 412, message: "Invalid fingerprint.", reason: "conditionNotMet" });

export const resourceNotReady = (resource: string): GceError =>
  new GceError({
    code: 400,
    message: `The resource '${resource}' is not ready`,
    reason: "resourceNotReady",
  });

export const operationInProgress = (resource: string): GceError =>
  new GceError({
    code: 409,
    message: `An operation on '${resource}' is in progress. Please try again later.`,
    reason: "operationInProgress",
  });

export const forbidden = (permission: string, resource: string): GceError =>
  new GceError({
    code: 403,
    message: `Required '${permission}' permission for '${resource}'`,
    reason: "forbidden",
  });

export const insufficientScopes = (method: string): GceError =>
  new GceError({
    code: 403,
    message: "Request had insufficient authentication scopes.",
    inner: "Insufficient Permission",
    reason: "insufficientPermissions",
    status: "PERMISSION_DENIED",
    info: {
      reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
      domain: "googleapis.com",
      metadata: { service: "compute.googleapis.com", method },
    },
  });

export const unauthenticated = (sent: boolean): GceError =>
  new GceError({
    code: 401,
    message: `Request ${sent ? "had invalid authentication credentials" : "is missing required authentication credential"}. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.`,
    inner: sent ? "Invalid Credentials" : "Login Required.",
    reason: sent ? "authError" : "required",
    location: "Authorization",
    status: "UNAUTHENTICATED",
    info: {
      reason: sent ? "ACCESS_TOKEN_EXPIRED" : "CREDENTIALS_MISSING",
      domain: "googleapis.com",
      metadata: { service: "compute.googleapis.com" },
    },
    headers: { "www-authenticate": 'Bearer realm="https://accounts.google.com/"' },
  });

export const rateLimitExceeded = (projectNumber: string): GceError =>
  new GceError({
    code: 403,
    message: `Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' of service 'compute.googleapis.com' for consumer 'project_number:${projectNumber}'.`,
    reason: "rateLimitExceeded",
    domain: "usageLimits",
    status: "PERMISSION_DENIED",
    info: {
      reason: "RATE_LIMIT_EXCEEDED",
      domain: "googleapis.com",
      metadata: {
        service: "compute.googleapis.com",
        consumer: `projects/${projectNumber}`,
        quota_metric: "compute.googleapis.com/default",
        quota_limit: "defaultPerMinutePerProject",
        quota_unit: "1/min/{project}",
      },
    },
  });

export const tooManyRequests = (seconds: number): GceError =>
  new GceError({
    code: 429,
    message: "Too many requests, please try again later.",
    reason: "rateLimitExceeded",
    domain: "usageLimits",
    status: "RESOURCE_EXHAUSTED",
    headers: { "retry-after": String(seconds) },
  });

export const serverFailure = (code: 500 | 503): GceError =>
  new GceError({
    code,
    message: "Internal error. Please try again or contact Google Support. (Code: '-8214')",
    reason: code === 503 ? "backendError" : "internalError",
    ...(code === 503 ? { status: "UNAVAILABLE" } : { status: "INTERNAL" }),
  });
