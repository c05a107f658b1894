// One broker per state folder: a kernel lock that dies with its process, so that no stale file is ever in the way.

import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import koffi from "koffi";
import { BrokerError } from "#core/errors.ts";

const LOCK_EXCLUSIVE_NONBLOCKING = 2 | 4;
/** Holders that may end, and take the file with them, between our opening it and our locking it. */
const MAX_REPLACED = 16;

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
  const flock = koffi.load("libc.so.6").func("int flock(int, int)") as (
    file: number,
    operation: number,
  ) => number;
  for (let replaced = 0; replaced < MAX_REPLACED; replaced++) {
    const file = open(path);
    if (flock(file, LOCK_EXCLUSIVE_NONBLOCKING) !== 0) {
      const holder = holderOf(file);
      closeSync(file);
      throw new BrokerError("already-running", `${other.name} (${holder}) holds ${path}`, {
        hint: other.hint,
      });
    }
    // A teardown takes the file away while it holds it: a lock on what is no longer there would keep nobody out.
    if (isAt(file, path)) {
      ftruncateSync(file);
      writeSync(file, `${process.pid}\n`, 0);
      return { [Symbol.dispose]: () => closeSync(file) };
    }
    closeSync(file);
  }
  throw new BrokerError("already-running", `${path} is taken away again and again`, {
    hint: other.hint,
  });
}

/** What the holder wrote; one that has just locked the file has not written yet. */
function holderOf(file: number): string {
  // By number the file is read from where it stands: nothing was read or written by this opening of it.
  const written = readFileSync(file, "utf8").trim();
  return written === "" ? "a process that has just begun" : `process ${written}`;
}

/** Whether the opened file is the one that has the path now. */
function isAt(file: number, path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false, bigint: true });
  const opened = fstatSync(file, { bigint: true });
  return there?.ino === opened.ino && there.dev === opened.dev;
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
