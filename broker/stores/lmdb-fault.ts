// What LMDB and the file system say when the ledger cannot be opened or written, as errors with the next step.

import { BrokerError, toBrokerError } from "#core/errors.ts";

/** MDB_PANIC: a meta page could not be written, and the environment refuses all further work. */
const MDB_PANIC = -30795;

export function openFault(thrown: unknown, path: string): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  const reason = toBrokerError(thrown).message;
  const options = { hint: nextStep(thrown, path), cause: thrown };
  const denied = ["EACCES", "EPERM", "EROFS"].includes(errorName(thrown));
  return new BrokerError(
    denied ? "permission-denied" : "system-failure",
    `cannot open the ledger ${path}: ${reason}`,
    options,
  );
}

/** `lasting`: LMDB cannot go on with this environment; the others pass when their cause does. */
export interface CommitFault {
  readonly error: BrokerError;
  readonly lasting: boolean;
}

/** The binding rejects with a general error that holds the reason as a rejected promise (`commitError`). */
export async function commitFault(thrown: unknown, path: string): Promise<CommitFault> {
  const reason = thrown instanceof CommitTimeout ? thrown : await commitReason(thrown);
  const lasting = reason instanceof CommitTimeout || codeOf(reason) === MDB_PANIC;
  const { message } = toBrokerError(reason);
  return { error: lasting ? lost(path, message, reason) : failed(path, message, reason), lasting };
}

const codeOf = (thrown: unknown): unknown =>
  typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;

/** The disk did not answer within the limit. */
export class CommitTimeout extends Error {}

function failed(path: string, reason: string, cause: unknown): BrokerError {
  const hint = nextStep(cause, path);
  return new BrokerError(
    "commit-failed",
    `cannot write the ledger ${path}: ${reason}; nothing was changed`,
    { hint, cause },
  );
}

const lost = (path: string, reason: string, cause: unknown): BrokerError =>
  new BrokerError(
    "commit-failed",
    `cannot write the ledger ${path} any more: ${reason}; what was under way counts as not made until a restart reads it`,
    {
      hint: `check the disk under ${path} (kernel log); a broker ends, to be started again`,
      cause,
    },
  );

async function commitReason(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof Error) || !("commitError" in thrown)) return thrown;
  try {
    await thrown.commitError;
    return thrown;
  } catch (reason) {
    return reason;
  }
}

function nextStep(thrown: unknown, path: string): string {
  switch (errorName(thrown)) {
    case "ENOSPC":
    case "EDQUOT":
      return `make room on the file system of ${path}; the ledger goes on by itself then`;
    case "EROFS":
      return `mount the file system of ${path} for writing, or set --state-dir to a folder on another one`;
    case "EACCES":
    case "EPERM":
      return `run as root, or make ${path} writable for the broker's user`;
    default:
      return `check the disk under ${path} (kernel log), then restart the broker`;
  }
}

/** Errno name of a Node error, or by the number or words of an LMDB error. */
function errorName(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "";
  const code: unknown = "code" in thrown ? thrown.code : undefined;
  if (typeof code === "string") return code;
  const names: ReadonlyMap<unknown, string> = new Map([
    [1, "EPERM"],
    [13, "EACCES"],
    [28, "ENOSPC"],
    [30, "EROFS"],
    [122, "EDQUOT"],
  ]);
  return names.get(code) ?? "";
}
