// cocoon-net adopt: takes a node over as it is and gives it a pool; only --verify asks the cloud.

import { isDeepStrictEqual } from "node:util";
import { Command, Option } from "commander";
import { containerFileName } from "#conflist/conflist.ts";
import { BrokerError } from "#core/errors.ts";
import { type AdoptionPlan, planAdoption, samePool } from "#provision/adoption.ts";
import { withCloud } from "#provision/clouds.ts";
import { compareWithCloud } from "#provision/difference.ts";
import { readLocalFacts } from "#provision/local-facts.ts";
import { type Step, formatSteps } from "#provision/plan.ts";
import { type PoolFile, readPoolFile, writePoolFile } from "#provision/pool-file.ts";
import { type Config, cloudEnvironment } from "#broker/config.ts";
import type { Context } from "#cli/context.ts";
import { differencesInWords } from "#cli/difference-text.ts";
import { EXIT_PROBLEMS } from "#cli/exit-codes.ts";
import {
  defaultInWords,
  foreseeGuestNetwork,
  refuseDisplacing,
  writeGuestNetwork,
} from "#cli/guest-network.ts";
import { rfc3339 } from "#cli/moment.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { platformOf } from "#cli/platform.ts";
import { addSettings } from "#cli/setting-options.ts";
import { makeStateFolder } from "#cli/state-folder.ts";

export function adoptCommand(context: Context): Command {
  const command = new Command("adopt")
    .description("give a node that is set up by hand its address pool, without any cloud call")
    .addOption(new Option("--dry-run", "print the plan, change nothing"))
    .addOption(
      new Option("--verify", "read the cloud and report what differs; changes nothing there"),
    )
    .addOption(outputOption());
  addSettings(command, "adopt").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net adopt --platform local --subnet 10.88.100.0/24\n  cocoon-net adopt --platform local --subnet 10.88.0.0/16 --pool-size 500 --dry-run\n  cocoon-net adopt --platform local --subnet 10.88.100.0/24 --manage-iptables --make-default\n  cocoon-net adopt --platform gke --subnet 172.20.100.0/24\n  cocoon-net adopt --platform volcengine --subnet 172.20.100.0/24 --verify",
  );
  return command.action(async () => {
    const config = context.config(command);
    const { dryRun, verify }: { dryRun?: true; verify?: true } = command.opts();
    const existing = await readPoolFile(config.poolFile);
    const platform = await platformOf(context, config, existing);
    const plan = planAdoption(
      { ...config, platform },
      { ...readLocalFacts(), existing },
      rfc3339(context.now()),
    );
    const network = await foreseeGuestNetwork(config);
    const steps = [poolStep(config, plan, existing), network.step];
    const differences = verify === true ? await verified(context, plan.pool) : [];
    context.terminal.out(
      render(
        formatOf(command.opts()),
        {
          dryRun: dryRun === true,
          pool: plan.pool,
          size: plan.size,
          steps,
          warnings: plan.warnings,
          defaultNetwork: network.change,
          ...(verify === true ? { differences } : {}),
        },
        () =>
          `${formatSteps(steps)}${defaultInWords(network)}${plan.warnings.map((warning) => `warning: ${warning}\n`).join("")}${verify === true ? differencesInWords(differences) : ""}`,
      ),
    );
    if (differences.length > 0) context.exit(EXIT_PROBLEMS);
    if (dryRun === true) return;
    refuseDisplacing(config, network);
    await make(context, config, steps, { pool: plan.pool, existing });
    await writeGuestNetwork(context, config, network);
    context.terminal.err(
      `next: cocoon-net daemon (or systemctl restart cocoon-net); it writes ${containerFileName} when it serves\n`,
    );
  });
}

const verified = async (context: Context, pool: PoolFile) => {
  const { platform } = pool;
  if (platform === "local") return [];
  return context.terminal.progress("reading the cloud", () =>
    withCloud(platform, { environment: cloudEnvironment() }, (cloud) =>
      compareWithCloud(cloud, pool, context.interrupted()),
    ),
  );
};

function poolStep(config: Config, plan: AdoptionPlan, existing: PoolFile | undefined): Step {
  const target = config.poolFile;
  if (existing !== undefined && samePool(existing, plan.pool))
    return { action: "keep", target, detail: "already as wanted" };
  const { subnet, gateway, primaryNIC, secondaryNICs } = plan.pool;
  const secondary = secondaryNICs.length === 0 ? "" : `, secondary NICs ${secondaryNICs.join(" ")}`;
  return {
    action: "write",
    target,
    detail: `${plan.size} addresses of ${subnet}, gateway ${gateway}, primary NIC ${primaryNIC === "" ? "none" : primaryNIC}${secondary}`,
  };
}

/** Under the lock of init and teardown, and only over what was planned for: a journal is never written over. */
async function make(
  context: Context,
  config: Config,
  [step]: readonly Step[],
  { pool, existing }: { readonly pool: PoolFile; readonly existing: PoolFile | undefined },
): Promise<void> {
  if (step?.action !== "write") return;
  await makeStateFolder(config.stateDir);
  const { lockProvisioning } = await import("#broker/operations.ts");
  using _held = lockProvisioning(config);
  if (!isDeepStrictEqual(await readPoolFile(config.poolFile), existing))
    throw new BrokerError("already-running", `${config.poolFile} has just been changed`, {
      hint: "another init, adopt or teardown has ended meanwhile: run this command again",
    });
  await context.terminal.progress(`writing ${config.poolFile}`, () =>
    writePoolFile(config.poolFile, pool),
  );
}
