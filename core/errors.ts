// The closed set of errors: every failure that leaves the product carries one of these codes (docs/errors.md).

export const errorCodes = [
  "invalid-config",
  "invalid-request",
  "invalid-network",
  "unsupported-version",
  "pool-exhausted",
  "address-unavailable",
  "duplicate-attachment",
  "stale-call",
  "attachment-unknown",
  "check-failed",
  "commit-failed",
  "route-failed",
  "not-ready",
  "no-pool",
  "overloaded",
  "already-running",
  "foreign-bridge",
  "permission-denied",
  "unknown-lease",
  "unsupported-platform",
  "cloud-unavailable",
  "cloud-denied",
  "cloud-limit",
  "cloud-conflict",
  "provisioning-unfinished",
  "system-failure",
  "internal",
] as const;
export type ErrorCode = (typeof errorCodes)[number];

/** The one error class. `message` says what happened to which thing and why; `hint` the next step. */
export class BrokerError extends Error {
  readonly code: ErrorCode;
  readonly details: string;
  readonly hint: string;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: string; hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BrokerError";
    this.code = code;
    this.details = options.details ?? "";
    this.hint = options.hint ?? "";
  }
}

/** Any thrown thing as a BrokerError; what is not one becomes `internal` with its message kept. */
export function toBrokerError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BrokerError("internal", message, { cause: thrown });
}
