// cocoon-net teardown: takes away what is ours on this node, and nothing else.

import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { containerFileName, guestFileName } from "#conflist/conflist.ts";
import { removeConflist } from "#conflist/write.ts";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import { type Step, formatSteps, planRemoval } from "#provision/plan.ts";
import { requireIdentity, withCloud } from "#provision/clouds.ts";
import { provisioningOf } from "#provision/journal.ts";
import { type PoolFile, readPoolFile, writePoolFile } from "#provision/pool-file.ts";
import { type PreparedRemoval, prepareRemoval } from "#provision/removal.ts";
import { type Config, cloudEnvironment } from "#broker/config.ts";
import type { Context } from "#cli/context.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { reportTo } from "#cli/saga-text.ts";
import { addSettings } from "#cli/setting-options.ts";

export function teardownCommand(context: Context): Command {
  const command = new Command("teardown")
    .description(
      "give back what init took from the cloud, and remove our bridge, routes, rules and files",
    )
    .addOption(new Option("--dry-run", "print what would be removed, change nothing"))
    .addOption(outputOption());
  addSettings(command, "teardown").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net teardown --dry-run\n  systemctl stop cocoon-net && cocoon-net teardown\n  cocoon-net teardown --platform volcengine --include-untagged --dry-run\n  cocoon-net teardown --state-dir /var/lib/other --bridge br7\n\nOnly what the journal in pool.json or our tags name is removed; an adopted node loses nothing in the cloud.\nWhen pool.json is lost, name the --platform and the --node-name that init was given: what carries our tags is found by them.",
  );
  return command.action(async () => {
    const config = context.config(command);
    const { dryRun }: { dryRun?: true } = command.opts();
    await refuseWhileRunning(context, config);
    const { lockBroker, lockProvisioning, planNodeRemoval, removeNode } =
      await import("#broker/operations.ts");
    const files = await fileSteps(config);
    const changes = dryRun !== true && (await isThere(config.stateDir));
    using _held = changes ? lockProvisioning(config) : undefined;
    using _stopped = changes ? lockBroker(config) : undefined;
    const pool = await readPoolFile(config.poolFile);
    const cloud = await cloudRemoval(context, config, pool);
    const nodeSteps =
      pool === undefined
        ? []
        : (await planNodeRemoval(config, pool)).map((what): Step => ({
            action: "remove",
            target: "node",
            detail: what,
          }));
    const steps = [...nodeSteps, ...(cloud?.plan.steps ?? []), ...files];
    const warnings = cloud?.plan.warnings ?? [];
    context.terminal.out(
      render(
        formatOf(command.opts()),
        { dryRun: dryRun === true, steps, warnings },
        () => `${formatSteps(steps)}${warnings.map((warning) => `warning: ${warning}\n`).join("")}`,
      ),
    );
    if (dryRun === true) return;
    if (pool !== undefined)
      await context.terminal.progress("removing the node's set-up", () => removeNode(config, pool));
    await cloud?.run(reportTo(context.terminal));
    await removeFiles(context, config);
  });
}

/** What has to be given back to the cloud; nothing for a node without one and for an adopted one. */
async function cloudRemoval(
  context: Context,
  config: Config,
  pool: PoolFile | undefined,
): Promise<PreparedRemoval | undefined> {
  const platform = pool?.platform ?? config.platform;
  if (platform === undefined || platform === "local") return undefined;
  if (provisioningOf(pool)?.state === "adopted") return undefined;
  const signal = context.interrupted();
  return context.terminal.progress("reading the cloud", () =>
    withCloud(platform, { environment: cloudEnvironment() }, async (cloud) =>
      prepareRemoval(cloud, {
        nodeName: pool?.nodeName ?? config.nodeName,
        identity: await requireIdentity(cloud, signal),
        existing: pool,
        includeUntagged: config.includeUntagged,
        save: (next) => writePoolFile(config.poolFile, next),
        now: context.now,
        signal,
      }),
    ),
  );
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
/**
 * pool.json goes after all that it tells of, so that a teardown that was cut off can be run again; the locks that are
 * held go after it, so that no other run begins on what is left.
 */
const statePaths = (config: Config): readonly string[] => [
  config.ledgerPath,
  config.spoolPath,
  config.leaseFile,
  config.nodeMemoryPath,
  config.socket,
  config.poolFile,
  config.provisioningLockPath,
  config.brokerLockPath,
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
