// Task: keeps the node as it should be, when the kernel says that something changed and every ten seconds.

import { type BrokerError, toBrokerError } from "#core/errors.ts";
import { type Millis, SECOND } from "#core/time.ts";
import { type NodeReport, applyNode } from "./apply.ts";
import type { NodeNetwork } from "./desired.ts";
import { createFights } from "./fights.ts";
import type { NodePorts } from "./ports.ts";

/** The kernel says nothing about iptables and sysctls. */
export const CHECK_PERIOD = 10 * SECOND;
/** Changes that come together are answered once. */
const SETTLE_TIME = 200;

export interface NodeKeeperOptions {
  /** Asked before each check: the names of network cards may change. */
  readonly network: () => Promise<NodeNetwork>;
  readonly ports: NodePorts;
  readonly now: () => Millis;
  /** Each check that changed something, or whose problems are not those of the check before. */
  readonly onReport: (report: NodeReport) => void;
  /** Once per fight: someone else keeps changing this item. */
  readonly onFight: (item: string) => void;
  /** What kept a whole check from being made, for example `foreign-bridge`. */
  readonly trouble: (error: BrokerError) => void;
}
export interface NodeKeeper {
  readonly name: string;
  /** At start: throws `foreign-bridge` with nothing changed. */
  apply(): Promise<NodeReport>;
  /** Something changed: look soon. Never throws. */
  changed(): void;
  run(signal: AbortSignal): Promise<void>;
}

export function createNodeKeeper(options: NodeKeeperOptions): NodeKeeper {
  const { network, ports, now } = options;
  const fights = createFights();
  let wake: () => void = () => {};
  let stale = false;
  let lastTrouble = "";

  const apply = async (): Promise<NodeReport> => {
    stale = false;
    const report = await applyNode(await network(), ports, (item) => fights.mayRepair(item, now()));
    for (const item of new Set(report.items)) {
      if (fights.repaired(item, now())) options.onFight(item);
    }
    const trouble = report.problems
      .map(({ item, error }) => `${item}: ${error.message}`)
      .join("\n");
    if (report.changed.length > 0 || trouble !== lastTrouble) options.onReport(report);
    lastTrouble = trouble;
    return report;
  };

  return {
    name: "node keeper",
    apply,
    changed() {
      stale = true;
      wake();
    },
    async run(signal) {
      while (!signal.aborted) {
        if (!stale) await pause(CHECK_PERIOD, signal, (end) => (wake = end));
        if (stale) await pause(SETTLE_TIME, signal);
        if (signal.aborted) return;
        try {
          await apply();
        } catch (thrown) {
          options.trouble(toBrokerError(thrown));
        }
      }
    },
  };
}

/** Ends after `time`, when the signal aborts, or when the function handed to `early` is called. */
function pause(
  time: Millis,
  signal: AbortSignal,
  early: (end: () => void) => void = () => {},
): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, time);
    signal.addEventListener("abort", end);
    early(end);
  });
}
