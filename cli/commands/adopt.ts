// cocoon-net adopt: takes a node over as it is and gives it a pool, without any cloud call.

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "commander";
import { type Conflist, containerFileName, guestConflist } from "#conflist/conflist.ts";
import { type DefaultChange, defaultChange, listNetworks } from "#conflist/default-network.ts";
import { conflistDiffers, writeConflist } from "#conflist/write.ts";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import { readLocalFacts } from "#provision/local-facts.ts";
import { type LocalPlan, planLocal, samePool } from "#provision/local.ts";
import { type Step, formatSteps } from "#provision/plan.ts";
import { type PoolFile, readPoolFile, writePoolFile } from "#provision/pool-file.ts";
import type { Config } from "#broker/config.ts";
import type { Context } from "#cli/context.ts";
import { rfc3339 } from "#cli/moment.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";

export function adoptCommand(context: Context): Command {
  const command = new Command("adopt")
    .description("give a node that is set up by hand its address pool, without any cloud call")
    .addOption(new Option("--dry-run", "print the plan, change nothing"))
    .addOption(outputOption());
  addSettings(command, "adopt").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net adopt --platform local --subnet 10.88.100.0/24\n  cocoon-net adopt --platform local --subnet 10.88.0.0/16 --pool-size 500 --dry-run\n  cocoon-net adopt --platform local --subnet 10.88.100.0/24 --manage-iptables --make-default",
  );
  return command.action(async () => {
    const config = context.config(command);
    requireLocal(config);
    const { dryRun }: { dryRun?: true } = command.opts();
    const existing = await readPoolFile(config.poolFile);
    const plan = planLocal(config, { ...readLocalFacts(), existing }, rfc3339(context.now()));
    const guest = guestConflist(config.bridge);
    const change = await foresee(config, guest);
    const steps = await stepsOf(config, plan, existing, guest);
    context.terminal.out(
      render(
        formatOf(command.opts()),
        {
          dryRun: dryRun === true,
          pool: plan.pool,
          size: plan.size,
          steps,
          warnings: plan.warnings,
          defaultNetwork: change,
        },
        () => inWords(plan, steps, change),
      ),
    );
    if (dryRun === true) return;
    refuseDisplacing(config, change);
    await make(context, config, steps, plan.pool, guest);
    context.terminal.err(
      `next: cocoon-net daemon (or systemctl restart cocoon-net); it writes ${containerFileName} when it serves\n`,
    );
  });
}

function requireLocal({ platform }: Config): void {
  if (platform === "local") return;
  throw new BrokerError(
    "unsupported-platform",
    platform === undefined
      ? "no platform is named, and this build detects none"
      : `adopt cannot take over a node of platform ${platform}: this build knows only local`,
    {
      hint: "use cocoon-net adopt --platform local --subnet <cidr>",
    },
  );
}

/** What becomes of the runtime's default network, the broker's own conflist included. */
async function foresee(config: Config, guest: Conflist): Promise<DefaultChange> {
  return defaultChange(await listNetworks(config.cniConfDir), [
    { fileName: containerFileName, network: "cocoon-net" },
    guest,
  ]);
}

function refuseDisplacing(config: Config, change: DefaultChange): void {
  if (!change.displaces || config.makeDefault) return;
  throw new BrokerError(
    "invalid-config",
    `containers now use the network ${change.before?.network} (${change.before?.fileName}); they would use ${change.after?.network}`,
    {
      hint: "agree with --make-default, or name another folder with --cni-conf-dir",
    },
  );
}

async function stepsOf(
  config: Config,
  plan: LocalPlan,
  existing: PoolFile | undefined,
  guest: Conflist,
): Promise<readonly Step[]> {
  const path = join(config.cniConfDir, guest.fileName);
  const same = existing !== undefined && samePool(existing, plan.pool);
  const { subnet, gateway, primaryNIC } = plan.pool;
  const pool = `${plan.size} addresses of ${subnet}, gateway ${gateway}, primary NIC ${primaryNIC === "" ? "none" : primaryNIC}`;
  return [
    {
      action: same ? "keep" : "write",
      target: config.poolFile,
      detail: same ? "already as wanted" : pool,
    },
    (await conflistDiffers(config.cniConfDir, guest))
      ? {
          action: "write",
          target: path,
          detail: `network ${guest.network}${(await exists(path)) ? " (replaces what is there)" : ""}`,
        }
      : { action: "keep", target: path, detail: "already as wanted" },
  ];
}

async function make(
  context: Context,
  config: Config,
  steps: readonly Step[],
  pool: PoolFile,
  guest: Conflist,
): Promise<void> {
  const [poolStep, conflistStep] = steps;
  if (poolStep?.action === "write") {
    await makeStateFolder(config.stateDir);
    await context.terminal.progress(`writing ${config.poolFile}`, () =>
      writePoolFile(config.poolFile, pool),
    );
  }
  if (conflistStep?.action === "write")
    await context.terminal.progress(`writing ${conflistStep.target}`, () =>
      writeConflist(config.cniConfDir, guest),
    );
}

function inWords(
  plan: LocalPlan,
  steps: readonly Step[],
  { before, after }: DefaultChange,
): string {
  const name = (file: DefaultChange["before"]) =>
    file === undefined ? "none" : `${file.network} (${file.fileName})`;
  const warnings = plan.warnings.map((warning) => `warning: ${warning}\n`).join("");
  return `${formatSteps(steps)}default network of the container runtime: before ${name(before)}, after ${name(after)}\n${warnings}`;
}

async function makeStateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new BrokerError(
      "permission-denied",
      `the state folder ${folder} cannot be made: ${toBrokerError(cause).message}`,
      {
        hint: "run as root, or choose another with --state-dir",
        cause,
      },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    // Absent or unreadable: either way there is nothing of which a replacement could be told.
    () => false,
  );
}
