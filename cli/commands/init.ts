// cocoon-net init: obtains addresses from a cloud. This build has no cloud yet and says so.

import { Command, Option } from "commander";
import { BrokerError } from "#core/errors.ts";
import type { Context } from "#cli/context.ts";
import { outputOption } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";

export function initCommand(context: Context): Command {
  const command = new Command("init")
    .description("obtain this node's addresses from the cloud (gke, volcengine)")
    .addOption(new Option("--dry-run", "print the plan, change nothing"))
    .addOption(outputOption());
  addSettings(command, "init").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net init --platform gke --subnet 172.20.100.0/24\n  cocoon-net init --platform volcengine --subnet 172.20.100.0/24 --dry-run\n\nThis build provisions no cloud; for a node without one use:\n  cocoon-net adopt --platform local --subnet 10.88.100.0/24",
  );
  return command.action(() => {
    const { platform } = context.config(command);
    const message =
      platform === "local"
        ? "init is for clouds; platform local needs nothing from one"
        : `init cannot provision ${platform ?? "a cloud that is not named"}: this build knows only platform local`;
    throw new BrokerError("unsupported-platform", message, {
      hint: "use cocoon-net adopt --platform local --subnet <cidr>",
    });
  });
}
