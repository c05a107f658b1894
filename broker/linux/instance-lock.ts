// One broker per state folder: a kernel lock that dies with its process, so that no stale file is ever in the way.

import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import koffi from "koffi";
import { BrokerError } from "#core/errors.ts";

const LOCK_EXCLUSIVE_NONBLOCKING = 2 | 4;

/** Who else may hold a lock, and what to do about it. */
export interface Holder {
  readonly name: string;
  readonly hint: string;
}
const broker: Holder = {
  name: "another broker",
  hint: "stop it (systemctl stop cocoon-net), or give this one its own --state-dir",
};

/**
 * Takes the lock file (flock(2)) and writes our process id into it. The kernel gives the lock back when the process ends,
 * however it ends. Throws `already-running` with the holder's process id, or `permission-denied`.
 */
export function takeInstanceLock(path: string, other: Holder = broker): Disposable {
  const file = open(path);
  const flock = koffi.load("libc.so.6").func("int flock(int, int)") as (
    file: number,
    operation: number,
  ) => number;
  if (flock(file, LOCK_EXCLUSIVE_NONBLOCKING) !== 0) {
    closeSync(file);
    const holder = readFileSync(path, "utf8").trim();
    throw new BrokerError("already-running", `${other.name} (process ${holder}) holds ${path}`, {
      hint: other.hint,
    });
  }
  ftruncateSync(file);
  writeSync(file, `${process.pid}\n`, 0);
  return { [Symbol.dispose]: () => closeSync(file) };
}

function open(path: string): number {
  try {
    return openSync(path, "a+", 0o600);
  } catch (thrown) {
    throw new BrokerError(
      "permission-denied",
      `cannot open the lock file ${path}: ${String(thrown)}`,
      {
        cause: thrown,
        hint: "run as root and check that the state folder is writable",
      },
    );
  }
}
