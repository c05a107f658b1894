// Task: ends the broker when its ledger can take no more commits; only the next start can read what was made of the last ones.

import type { Logger } from "pino";
import type { LedgerStore } from "#core/ports.ts";
import type { Standing } from "./standing.ts";
import type { Task } from "./task.ts";

export interface LedgerWatchOptions {
  readonly store: Pick<LedgerStore, "lost">;
  readonly standing: Standing;
  readonly log: Pick<Logger, "error">;
}

export function createLedgerWatch({ store, standing, log }: LedgerWatchOptions): Task {
  return {
    name: "ledger",
    async run(signal) {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve(), { once: true });
      if (signal.aborted) return;
      const error = await Promise.race([store.lost, aborted]);
      if (error === undefined) return;
      // Until the process is gone nobody is to be sent here.
      standing.notServing = "the ledger cannot be written any more; the broker ends";
      log.error({ code: error.code }, `the broker ends: ${error.message}; ${error.hint}`);
      throw error;
    },
  };
}
