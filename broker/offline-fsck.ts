// fsck while no broker runs: its files against the kernel, read only. It composes what startBroker composes, without the writer.

import { join } from "node:path";
import { existsSync, readdirSync } from "node:fs";
import type { Difference } from "#core/difference.ts";
import { Ledger } from "#core/ledger.ts";
import { readBootId } from "#broker/linux/boot.ts";
import { openEvidence } from "#broker/linux/evidence.ts";
import { openInspection } from "#broker/linux/inspection.ts";
import { takeInstanceLock } from "#broker/linux/instance-lock.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { systemClock } from "#broker/linux/system-clock.ts";
import type { FsckAnswer } from "#broker/api/contract.ts";
import { inspectLmdb } from "#broker/stores/lmdb-inspect.ts";
import { openMirror } from "#broker/stores/mirror.ts";
import { readLeftovers } from "#broker/stores/spool.ts";
import { readPoolFile } from "#provision/pool-file.ts";
import type { Config } from "./config.ts";
import { answerOf } from "./fsck.ts";
import { poolOf, requirePoolFile } from "./node-settings.ts";
import { ageOf } from "./startup.ts";
import { surveyTwice } from "./surveyor.ts";

/**
 * Holds the broker's lock meanwhile, so that none starts in the middle. Throws `already-running` while one runs,
 * `not-ready` when the node has no pool.
 */
export async function fsckOffline(
  config: Config,
  trouble: (what: string, error: Error) => void,
): Promise<FsckAnswer> {
  const served = requirePoolFile(await readPoolFile(config.poolFile), config.poolFile);
  using _lock = takeInstanceLock(join(config.stateDir, "broker.lock"));
  const loaded = inspectLmdb(config.ledgerPath);
  const ledger = new Ledger();
  ledger.fill(loaded.records.toSorted((one, other) => ageOf(one) - ageOf(other)));
  await using netlink = openNetlink();
  const routes = openRouteTable({ netlink, bridge: config.bridge });
  const bootId = readBootId();
  const found = await surveyTwice({
    ledger,
    routes,
    trouble,
    moment: () => ({ now: systemClock.now(), bootId }),
    pool: poolOf(served, config.poolFile),
    evidence: openEvidence({ netlink, routes, bridge: config.bridge }),
    inspection: openInspection(netlink, config.bridge),
    mirror: openMirror({ path: config.leaseFile, trouble: () => undefined }),
    leaseFile: config.leaseFile,
    spool: spoolOf(config.spoolPath),
    poolFile: async () => [],
    settle: async () => undefined,
  });
  const damage: Difference[] =
    loaded.condition === "sound"
      ? []
      : [{ kind: "ledger-damaged", about: config.ledgerPath, detail: loaded.detail ?? "" }];
  return answerOf({ ...found, differences: [...damage, ...found.differences] }, false);
}

/** The folder may not be there yet. */
function spoolOf(folder: string) {
  const there = () => existsSync(folder);
  return {
    list: async () =>
      there()
        ? readdirSync(folder)
            .filter((name) => name.endsWith(".json"))
            .toSorted()
        : [],
    leftovers: async () => (there() ? readLeftovers(folder) : { rejected: [], stale: [] }),
  };
}
