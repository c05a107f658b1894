// CNI errors: the spec's numbers, what the broker's own errors become, and the JSON that a plugin prints.

import type { BrokerError, ErrorCode } from "#core/errors.ts";
import type { CniVersion } from "./version.ts";

/** Error numbers of CNI spec 1.1.0, "Error"; 8 and 999 are libcni's, from 100 on they are ours. */
export const cniCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  inputFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  invalidNamespace: 8,
  tryAgainLater: 11,
  unavailable: 50,
  checkFailed: 100,
  duplicateAttachment: 101,
  staleCall: 102,
  internal: 999,
} as const;
export type CniCode = (typeof cniCodes)[keyof typeof cniCodes];

/** A call that fails: what the plugin prints on stdout before it exits with 1. A class, so that no conf can look like one. */
export class CniFailure {
  readonly code: CniCode;
  readonly message: string;
  readonly details: string;

  constructor(code: CniCode, message: string, details: string) {
    this.code = code;
    this.message = message;
    this.details = details;
  }
}

export const failure = (code: CniCode, message: string, details = ""): CniFailure =>
  new CniFailure(code, message, details);

/** Longest text of an error's message and of its details, in UTF-16 units: callers log them whole. */
const MAX_TEXT = 4096;

/** The start of host-local's message for a full pool; people and programs search for it. */
const EXHAUSTED = "no IP addresses available in range set";

const codeOf: Readonly<Record<ErrorCode, CniCode>> = {
  "invalid-config": cniCodes.invalidConfig,
  "invalid-request": cniCodes.invalidEnvironment,
  "invalid-network": cniCodes.invalidConfig,
  "unsupported-version": cniCodes.incompatibleVersion,
  "pool-exhausted": cniCodes.tryAgainLater,
  "address-unavailable": cniCodes.tryAgainLater,
  "duplicate-attachment": cniCodes.duplicateAttachment,
  "stale-call": cniCodes.staleCall,
  "attachment-unknown": cniCodes.unknownContainer,
  "check-failed": cniCodes.checkFailed,
  "commit-failed": cniCodes.tryAgainLater,
  "route-failed": cniCodes.tryAgainLater,
  "not-ready": cniCodes.tryAgainLater,
  "no-pool": cniCodes.tryAgainLater,
  overloaded: cniCodes.tryAgainLater,
  "already-running": cniCodes.tryAgainLater,
  "foreign-bridge": cniCodes.tryAgainLater,
  "permission-denied": cniCodes.tryAgainLater,
  "unknown-lease": cniCodes.unknownContainer,
  "unsupported-platform": cniCodes.internal,
  "cloud-unavailable": cniCodes.internal,
  "cloud-denied": cniCodes.internal,
  "cloud-limit": cniCodes.internal,
  "cloud-conflict": cniCodes.internal,
  "provisioning-unfinished": cniCodes.internal,
  "system-failure": cniCodes.tryAgainLater,
  internal: cniCodes.internal,
};

/** The broker's error in CNI's words; details and hint become one text. */
export function failureOf(error: BrokerError): CniFailure {
  const details = [error.details, error.hint].filter((part) => part !== "").join("; ");
  const message = error.code === "pool-exhausted" ? exhaustedMessage(error.message) : error.message;
  return failure(codeOf[error.code], message, details);
}

/** The error object of CNI spec 1.1.0, "Error". */
export function formatFailure(version: CniVersion, { code, message, details }: CniFailure): string {
  return JSON.stringify({ cniVersion: version, code, msg: cut(message), details: cut(details) });
}

const exhaustedMessage = (message: string): string =>
  message.startsWith(EXHAUSTED) ? message : `${EXHAUSTED}: ${message}`;

const cut = (text: string): string =>
  text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 3)}...`;
