// Which HTTP status each error code is answered with.

import { type BrokerError, type ErrorCode } from "#core/errors.ts";
import type { ErrorAnswer } from "./contract.ts";

/** RFC 9110 section 15; 507 is RFC 4918 section 11.5. */
export const errorStatus: Readonly<Record<ErrorCode, number>> = {
  "invalid-config": 400,
  "invalid-request": 400,
  "invalid-network": 400,
  "unsupported-version": 400,
  "pool-exhausted": 507,
  "address-unavailable": 409,
  "duplicate-attachment": 409,
  "stale-call": 409,
  "attachment-unknown": 404,
  "check-failed": 409,
  "commit-failed": 503,
  "route-failed": 503,
  "not-ready": 503,
  "no-pool": 503,
  overloaded: 503,
  "already-running": 409,
  "foreign-bridge": 409,
  "permission-denied": 403,
  "unknown-lease": 404,
  "unsupported-platform": 501,
  "cloud-unavailable": 502,
  "cloud-denied": 403,
  "cloud-limit": 507,
  "cloud-conflict": 409,
  "provisioning-unfinished": 503,
  "system-failure": 500,
  internal: 500,
};

export const errorBody = (error: BrokerError): ErrorAnswer => ({
  code: error.code,
  message: error.message,
  details: error.details,
  hint: error.hint,
});
