// The keeper's reports as log lines, metrics and the set-up that status shows.

import type { NodeItem } from "#broker/api/contract.ts";
import type { NodeReport } from "#broker/node/apply.ts";
import type { NodeKeeperOptions } from "#broker/node/keeper.ts";
import type { Standing } from "./standing.ts";
import type { Telemetry } from "./telemetry.ts";

/** Items whose last state status shows; the oldest give way. */
const MAX_ITEMS = 256;

type Reports = Pick<NodeKeeperOptions, "onReport" | "onFight" | "trouble">;

export function nodeReports(standing: Standing, telemetry: Telemetry): Reports {
  const items = new Map<string, NodeItem>();
  const keep = (item: NodeItem) => {
    items.delete(item.item);
    items.set(item.item, item);
    const oldest = items.keys().next().value;
    if (items.size > MAX_ITEMS && oldest !== undefined) items.delete(oldest);
  };
  return {
    onReport(report: NodeReport) {
      for (const [index, item] of report.items.entries()) {
        telemetry.meters.nodeRepair(item.split(" ")[0] ?? item);
        keep({ item, state: "repaired", detail: report.changed[index] ?? "" });
        standing.clear(item);
      }
      for (const { item, error } of report.problems) {
        keep({ item, state: "failed", detail: error.message });
        standing.warn(item, `${error.message}; ${error.hint}`);
      }
      standing.setup = [...items.values()];
      telemetry.log.info(
        { changed: report.changed },
        `node set-up: ${report.changed.length} items put right`,
      );
      for (const { item, error } of report.problems) telemetry.log.warn({ item }, error.message);
    },
    onFight(item) {
      const message = `somebody else keeps changing ${item}; it is put right less often`;
      standing.warn(item, message);
      telemetry.log.warn({ item }, message);
    },
    trouble(error) {
      standing.warn("node", `${error.message}; ${error.hint}`);
      telemetry.log.warn({ code: error.code }, error.message);
    },
  };
}
