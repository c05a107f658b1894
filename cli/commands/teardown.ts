// cocoon-net teardown: takes away what is ours on this node, and nothing else.

import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { containerFileName, guestFileName } from "#conflist/conflist.ts";
import { removeConflist } from "#conflist/write.ts";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import { type Step, formatSteps, planRemoval } from "#provision/plan.ts";
import { readPoolFile } from "#provision/pool-file.ts";
import type { Config } from "#broker/config.ts";
import type { Context } from "#cli/context.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";

export function teardownCommand(context: Context): Command {
  const command = new Command("teardown")
    .description("remove our bridge, routes, rules, conflists and state from this node")
    .addOption(new Option("--dry-run", "print what would be removed, change nothing"))
    .addOption(outputOption());
  addSettings(command, "teardown").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net teardown --dry-run\n  systemctl stop cocoon-net && cocoon-net teardown\n  cocoon-net teardown --state-dir /var/lib/other --bridge br7",
  );
  return command.action(async () => {
    const config = context.config(command);
    const { dryRun }: { dryRun?: true } = command.opts();
    await refuseWhileRunning(context, config);
    const pool = await readPoolFile(config.poolFile);
    if (pool !== undefined && pool.platform !== "local" && pool.manageIptables === undefined) {
      throw new BrokerError(
        "unsupported-platform",
        `this node's pool came from platform ${pool.platform}; this build cannot give its addresses back to the cloud`,
        { hint: "use the version that made it" },
      );
    }
    const { planNodeRemoval, removeNode } = await import("#broker/operations.ts");
    const nodeSteps =
      pool === undefined
        ? []
        : (await planNodeRemoval(config, pool)).map((what): Step => ({
            action: "remove",
            target: "node",
            detail: what,
          }));
    const steps = [...nodeSteps, ...(await fileSteps(config))];
    context.terminal.out(
      render(formatOf(command.opts()), { dryRun: dryRun === true, steps }, () =>
        formatSteps(steps),
      ),
    );
    if (dryRun === true) return;
    if (pool !== undefined)
      await context.terminal.progress("removing the node's set-up", () => removeNode(config, pool));
    await removeFiles(context, config);
  });
}

/** A running broker would put back at once what is taken away. */
async function refuseWhileRunning(context: Context, config: Config): Promise<void> {
  const running = await context
    .client(config)
    .ready()
    .then(
      () => true,
      (thrown: unknown) => {
        const error = toBrokerError(thrown);
        if (error.code === "not-ready") return false;
        throw error;
      },
    );
  if (running)
    throw new BrokerError("already-running", `the broker is running on ${config.socket}`, {
      hint: "stop it first: systemctl stop cocoon-net (or end its process)",
    });
}

const ours = [
  { fileName: containerFileName, network: "cocoon-net" },
  { fileName: guestFileName, network: "cocoon-dhcp" },
];
/** pool.json goes last, so that a teardown that was cut off can be run again. */
const statePaths = (config: Config): readonly string[] => [
  config.ledgerPath,
  config.spoolPath,
  config.leaseFile,
  config.nodeMemoryPath,
  config.socket,
  config.poolFile,
];

async function fileSteps(config: Config): Promise<readonly Step[]> {
  const conflists = ours.map(({ fileName, network }) => ({
    path: join(config.cniConfDir, fileName),
    detail: `network ${network}, unless it is somebody else's`,
  }));
  const state = statePaths(config).map((path) => ({ path, detail: "state" }));
  return Promise.all(
    [...conflists, ...state].map(async ({ path, detail }) =>
      planRemoval(path, await isThere(path), detail),
    ),
  );
}

async function removeFiles({ terminal }: Context, config: Config): Promise<void> {
  for (const conflist of ours) {
    const outcome = await removeConflist(config.cniConfDir, conflist);
    if (outcome === "foreign")
      terminal.err(
        `kept ${join(config.cniConfDir, conflist.fileName)}: it describes another network than ${conflist.network}\n`,
      );
  }
  for (const path of statePaths(config)) await rm(path, { recursive: true, force: true });
}

/** Kept out of sight by permissions counts as there: the removal will say why it fails. */
async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (thrown: unknown) => !(thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT"),
  );
}
