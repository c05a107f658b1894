// Task: host routes follow the ledger, at start, after any loss, and once an hour in any case.

import type { Ledger } from "#core/ledger.ts";
import type { Inspection, RouteTable } from "#core/ports.ts";
import { type ResyncOutcome, resyncRoutes } from "./resync.ts";
import { type Task, pause } from "./task.ts";

/** A full look without any sign of a loss, in milliseconds. */
const PERIOD = 3_600_000;
/** Losses within this time share one resync, in milliseconds. */
const DEBOUNCE = 200;
/** Resyncs may take at most one part in this many of the time: with many routes they come more rarely. */
const SHARE = 20;
/** The longest rest after a resync, however long it took: a bridge that is lost then has its routes within 15 s. Milliseconds. */
const LONGEST_REST = 5_000;
/** After a resync that failed, in milliseconds. */
const RETRY = 5_000;

export interface RouteKeeper extends Task {
  /** Something was lost or made anew: look soon. */
  touch(): void;
  /** Resolves when routes were put right for the first time, or could not be. */
  readonly tried: Promise<void>;
}

export interface RouteKeeperOptions {
  readonly ledger: Ledger;
  readonly routes: RouteTable;
  readonly inspection: Pick<Inspection, "neighbours">;
  readonly resynced: (outcome: ResyncOutcome) => void;
  readonly trouble: (what: string, error: Error) => void;
}

export function createRouteKeeper(options: RouteKeeperOptions): RouteKeeper {
  const { ledger, routes, inspection, resynced, trouble } = options;
  const { promise: tried, resolve: hasTried } = Promise.withResolvers<void>();
  let early = new AbortController();
  return {
    name: "routes",
    tried,
    touch: () => early.abort(),
    async run(signal) {
      while (!signal.aborted) {
        early = new AbortController();
        let wait = PERIOD;
        const begun = performance.now();
        try {
          const outcome = await resyncRoutes(ledger, routes, () => inspection.neighbours());
          resynced(outcome);
          if (outcome.failed > 0) wait = RETRY;
        } catch (thrown) {
          trouble("route resync", thrown instanceof Error ? thrown : new Error(String(thrown)));
          wait = RETRY;
        }
        hasTried();
        const lasted = performance.now() - begun;
        await pause(wait, AbortSignal.any([signal, early.signal]));
        await pause(Math.min(LONGEST_REST, Math.max(DEBOUNCE, lasted * SHARE)), signal);
      }
    },
  };
}
