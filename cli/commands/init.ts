// cocoon-net init: obtains this node's addresses from the cloud; a run that was cut off is finished by the next.

import { Command, Option } from "commander";
import { containerFileName } from "#conflist/conflist.ts";
import { parseIp } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { formatPrefix } from "#core/prefix.ts";
import { gatewayOf, refuseOverlap, subnetOf, usableAddresses } from "#provision/block.ts";
import type { Goal } from "#provision/cloud.ts";
import { type CloudPlatform, requireIdentity, withCloud } from "#provision/clouds.ts";
import { type InitResult, type PreparedInit, prepareInit } from "#provision/init.ts";
import { readLocalFacts } from "#provision/local-facts.ts";
import { formatSteps } from "#provision/plan.ts";
import { type PoolFile, readPoolFile, writePoolFile } from "#provision/pool-file.ts";
import { type Config, cloudEnvironment } from "#broker/config.ts";
import type { Context } from "#cli/context.ts";
import { EXIT_DEGRADED } from "#cli/exit-codes.ts";
import {
  type GuestNetwork,
  defaultInWords,
  foreseeGuestNetwork,
  refuseDisplacing,
  writeGuestNetwork,
} from "#cli/guest-network.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { platformOf } from "#cli/platform.ts";
import { reportTo } from "#cli/saga-text.ts";
import { addSettings } from "#cli/setting-options.ts";
import { makeStateFolder } from "#cli/state-folder.ts";

/** Seven interfaces of 20 addresses on Volcengine; the same everywhere, as in the Go version. */
const DEFAULT_POOL_SIZE = 140;

export function initCommand(context: Context): Command {
  const command = new Command("init")
    .description("obtain this node's addresses from the cloud (gke, volcengine)")
    .addOption(new Option("--dry-run", "print the plan, change nothing"))
    .addOption(outputOption());
  addSettings(command, "init").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net init --platform gke --subnet 172.20.100.0/24 --pool-size 253\n  cocoon-net init --platform volcengine --subnet 172.20.100.0/24 --dry-run\n  cocoon-net init --subnet 172.20.100.0/24 --output json\n\nA run that failed or was killed is finished by running it again, or undone by cocoon-net teardown.\nExit code 8: done and usable, with fewer addresses than asked for.\nWithout a cloud: cocoon-net adopt --platform local --subnet 10.88.100.0/24",
  );
  return command.action(async () => {
    const config = context.config(command);
    const { dryRun }: { dryRun?: true } = command.opts();
    const existing = await readPoolFile(config.poolFile);
    const platform = cloudOnly(await platformOf(context, config, existing));
    const { goal, warnings } = goalOf(config, existing);
    const network = await foreseeGuestNetwork(config);
    await withCloud(platform, { environment: cloudEnvironment() }, async (cloud) => {
      using held = await hold(config, dryRun === true);
      const signal = context.interrupted();
      const prepared = await context.terminal.progress("reading the cloud", async () =>
        prepareInit(cloud, {
          goal,
          settings: settingsOf(config),
          identity: await requireIdentity(cloud, signal),
          // Read again under the lock: another run may just have ended.
          existing: held === undefined ? existing : await readPoolFile(config.poolFile),
          save: (pool) => writePoolFile(config.poolFile, pool),
          now: context.now,
          signal,
        }),
      );
      const shown = planOf(prepared, config, network, warnings);
      if (formatOf(command.opts()) === "table") context.terminal.out(inWords(shown, network));
      if (dryRun === true) {
        if (formatOf(command.opts()) !== "table")
          context.terminal.out(
            render(formatOf(command.opts()), { dryRun: true, ...shown }, () => ""),
          );
        return;
      }
      refuseDisplacing(config, network);
      const result = await prepared.run(reportTo(context.terminal));
      await writeGuestNetwork(context, config, network);
      if (formatOf(command.opts()) !== "table")
        context.terminal.out(
          render(formatOf(command.opts()), { dryRun: false, ...shown, ...result }, () => ""),
        );
      tell(context, result);
    });
  });
}

function cloudOnly(platform: PoolFile["platform"]): CloudPlatform {
  if (platform !== "local") return platform;
  throw new BrokerError(
    "unsupported-platform",
    "init is for clouds; platform local needs nothing from one",
    { hint: "use cocoon-net adopt --platform local --subnet <cidr>" },
  );
}

/** No lock for a dry run: it changes nothing, and the state folder may not exist. */
async function hold(config: Config, dryRun: boolean): Promise<Disposable | undefined> {
  if (dryRun) return undefined;
  await makeStateFolder(config.stateDir);
  const { lockProvisioning } = await import("#broker/operations.ts");
  return lockProvisioning(config);
}

/** What the settings ask for. Throws `invalid-config` when that makes no sense on this machine. */
export function goalOf(
  config: Config,
  existing: PoolFile | undefined,
): { goal: Goal; warnings: string[] } {
  const subnet = subnetOf(config.subnet ?? existing?.subnet, config.subnet === undefined);
  // Another subnet than the recorded one is refused as that, not for the recorded gateway.
  const recorded = existing?.subnet === formatPrefix(subnet) ? existing.gateway : undefined;
  const gateway = gatewayOf(subnet, config.gateway ?? recorded);
  refuseOverlap(subnet, config.bridge, readLocalFacts().addresses);
  const usable = usableAddresses(subnet, gateway);
  const wanted = config.poolSize ?? Math.min(DEFAULT_POOL_SIZE, usable);
  if (wanted > usable)
    throw new BrokerError(
      "invalid-config",
      `--pool-size ${wanted} is more than the ${usable} addresses of ${formatPrefix(subnet)}`,
      { hint: "give a larger --subnet or a smaller --pool-size" },
    );
  return {
    goal: {
      nodeName: nodeNameOf(config, existing),
      subnet,
      gateway,
      poolSize: wanted,
      securityGroups: config.securityGroup,
      authorizeVpcIngress: config.authorizeVpcIngress,
    },
    warnings:
      config.primaryNic === undefined
        ? []
        : ["--primary-nic is taken from the cloud's own interface, not from the flag"],
  };
}

/** A node keeps its name when its host name changes: what was made in the cloud is found by it. */
function nodeNameOf({ nodeName, sources }: Config, existing: PoolFile | undefined): string {
  const recorded = existing?.nodeName ?? "";
  return sources.nodeName === "default" && recorded !== "" ? recorded : nodeName;
}

const settingsOf = (config: Config) => ({
  dnsServers: config.dns.flatMap((text) => parseIp(text) ?? []),
  dropInternalAccess: config.dropInternalAccess,
  dropCIDRs: [...config.dropCidr],
});

const planOf = (
  { plan }: PreparedInit,
  config: Config,
  network: GuestNetwork,
  warnings: readonly string[],
) => ({
  steps: [
    ...plan.steps,
    {
      action: "write" as const,
      target: config.poolFile,
      detail: "before each step its intent, after it its result, at the end the pool",
    },
    network.step,
  ],
  warnings: [...warnings, ...plan.warnings],
  defaultNetwork: network.change,
});

const inWords = ({ steps, warnings }: ReturnType<typeof planOf>, network: GuestNetwork): string =>
  `${formatSteps(steps)}${defaultInWords(network)}${warnings.map((warning) => `warning: ${warning}\n`).join("")}`;

function tell(context: Context, { pool, degraded }: InitResult): void {
  const count = pool.ips?.length ?? 0;
  context.terminal.err(`${count} addresses of ${pool.subnet} are this node's\n`);
  for (const reason of degraded)
    context.terminal.err(
      `${context.terminal.colour("yellow", "less than asked for")}: ${reason}\n`,
    );
  if (degraded.length > 0) context.exit(EXIT_DEGRADED);
  context.terminal.err(
    `next: cocoon-net daemon (or systemctl restart cocoon-net); it writes ${containerFileName} when it serves\n`,
  );
}
