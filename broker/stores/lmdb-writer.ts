// One LMDB transaction as the ledger needs it: everything checked before, room on the disk taken before, bounded in time.

import { BrokerError } from "#core/errors.ts";
import { type Change, recordKey } from "#core/record.ts";
import type { Environment } from "./lmdb-environment.ts";
import { CommitTimeout } from "./lmdb-fault.ts";
import { encodeRecord } from "./record.ts";
import { openRoom } from "./room.ts";

/** Bytes of a key: more than the core's parsers let through, less than LMDB's limit of 1,978. */
export const MAX_KEY_BYTES = 1_024;
/** Changes of one commit: every queue before the ledger is bounded, so more is a mistake. */
export const MAX_CHANGES = 200_000;
/** How long a commit may take before its disk counts as gone. */
export const COMMIT_LIMIT_MS = 30_000;

export interface Writer extends Disposable {
  /** Makes all writes in one transaction; resolves as the environment's durability says. */
  write(writes: readonly Write[]): Promise<void>;
}

/** `limit`: milliseconds of one commit. */
export function openWriter(path: string, environment: Environment, limit: number): Writer {
  const room = openRoom(path, environment);
  return {
    async write(writes) {
      const bytes = writes.reduce(
        (sum, { key, value }) => sum + key.length + (value?.length ?? 0),
        0,
      );
      const release = room.reserve(writes.length, bytes);
      try {
        await inTime(
          environment.batch(() => {
            for (const { key, value } of writes)
              void (value === undefined ? environment.remove(key) : environment.put(key, value));
          }),
          limit,
        );
      } finally {
        release();
      }
    },
    [Symbol.dispose]: () => room[Symbol.dispose](),
  };
}

export interface Write {
  readonly key: Buffer;
  /** `undefined` deletes. */
  readonly value: Buffer | undefined;
}

/** Everything that can be refused is refused here, before LMDB has seen any of it. */
export function encodeChanges(changes: readonly Change[], path: string): readonly Write[] {
  if (changes.length > MAX_CHANGES)
    throw refused(path, `${changes.length} changes in one commit, at most ${MAX_CHANGES} fit`);
  return changes.map((change) => {
    const key = Buffer.from(change.op === "put" ? recordKey(change.record) : change.key);
    if (key.length > MAX_KEY_BYTES)
      throw refused(path, `a key of ${key.length} bytes, at most ${MAX_KEY_BYTES} fit`);
    return { key, value: change.op === "put" ? encodeRecord(change.record) : undefined };
  });
}

function refused(path: string, reason: string): BrokerError {
  return new BrokerError(
    "commit-failed",
    `cannot write the ledger ${path}: ${reason}; nothing was changed`,
  );
}

async function inTime(commit: Promise<unknown>, limit: number): Promise<void> {
  const { promise, timer } = after(limit);
  const late = promise.then(() => {
    throw new CommitTimeout(`the disk did not answer within ${limit / 1_000} s`);
  });
  try {
    await Promise.race([commit, late]);
  } finally {
    clearTimeout(timer);
  }
}

function after(milliseconds: number): {
  readonly promise: Promise<void>;
  readonly timer: NodeJS.Timeout;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, timer: setTimeout(resolve, milliseconds).unref() };
}
