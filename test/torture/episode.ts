// One sequence of operations on a fresh node, from its first broker to its last: a contradiction, or none.

import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan } from "./generate.ts";
import { perform } from "./perform.ts";
import { type Counts, Session } from "./session.ts";
import type { SyncedFile } from "./synced-file.ts";

/** Files in memory: what a sync means is not asked of a disk here, and real ones only take time. */
const MEMORY = "/dev/shm";
/** An operation that takes longer than this hangs, in milliseconds. */
const STEP_LIMIT = 20_000;

export interface Failure {
  /** The place in the sequence of the operation that showed it. */
  readonly at: number;
  readonly message: string;
}

export interface Ended {
  readonly failure?: Failure;
  readonly points: ReadonlyMap<string, number>;
}

export const noCounts = (): Counts => ({
  operations: 0,
  full: 0,
  killed: 0,
  restarts: 0,
  powerCuts: 0,
  byOperation: new Map(),
});

export async function runEpisode(plan: Plan, disk: SyncedFile, counts: Counts): Promise<Ended> {
  const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "torture-"));
  const session = new Session(plan, folder, disk, counts);
  let at = -1;
  try {
    await session.begin();
    for (const [index, operation] of plan.operations.entries()) {
      at = index;
      await inTime(perform(session, operation));
    }
    return { points: session.fate.met };
  } catch (thrown) {
    const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return { failure: { at, message }, points: session.fate.met };
  } finally {
    await session.end();
  }
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${STEP_LIMIT} ms`)), STEP_LIMIT);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
