// How a command ends: one number for each kind of outcome (docs/cli.md).

import type { ErrorCode } from "#core/errors.ts";

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_NOT_RUNNING = 3;
export const EXIT_NOT_FOUND = 4;
export const EXIT_REFUSED = 5;
export const EXIT_PERMISSION = 6;
export const EXIT_PROBLEMS = 7;
/** Done and usable, with less than was asked for. */
export const EXIT_DEGRADED = 8;
/** The node has no pool to use: none yet, or one that init or teardown was cut off at. */
export const EXIT_NO_POOL = 9;

export const exitCodeOf: Readonly<Record<ErrorCode, number>> = {
  "invalid-config": EXIT_USAGE,
  "invalid-request": EXIT_USAGE,
  "invalid-network": EXIT_USAGE,
  "unsupported-version": EXIT_FAILED,
  "pool-exhausted": EXIT_FAILED,
  "address-unavailable": EXIT_REFUSED,
  "duplicate-attachment": EXIT_REFUSED,
  "stale-call": EXIT_REFUSED,
  "attachment-unknown": EXIT_NOT_FOUND,
  "check-failed": EXIT_FAILED,
  "commit-failed": EXIT_FAILED,
  "route-failed": EXIT_FAILED,
  "not-ready": EXIT_NOT_RUNNING,
  "no-pool": EXIT_NO_POOL,
  overloaded: EXIT_FAILED,
  "already-running": EXIT_REFUSED,
  "foreign-bridge": EXIT_REFUSED,
  "permission-denied": EXIT_PERMISSION,
  "unknown-lease": EXIT_NOT_FOUND,
  "unsupported-platform": EXIT_REFUSED,
  "cloud-unavailable": EXIT_FAILED,
  "cloud-denied": EXIT_PERMISSION,
  "cloud-limit": EXIT_FAILED,
  "cloud-conflict": EXIT_REFUSED,
  "provisioning-unfinished": EXIT_NO_POOL,
  "system-failure": EXIT_FAILED,
  internal: EXIT_FAILED,
};
