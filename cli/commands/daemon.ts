// cocoon-net daemon: the broker itself, in the foreground.

import { Command } from "commander";
import type { Context } from "#cli/context.ts";
import { addSettings } from "#cli/setting-options.ts";

export function daemonCommand(context: Context): Command {
  const command = new Command("daemon").description(
    "run the broker in the foreground (systemd runs this)",
  );
  addSettings(command, "daemon").addHelpText(
    "after",
    '\nExamples:\n  cocoon-net daemon\n  cocoon-net daemon --metrics-addr "" --durability relaxed\n  COCOON_NET_LOG_LEVEL=debug cocoon-net daemon --socket /run/a/broker.sock --state-dir /var/lib/a',
  );
  return command.action(async () => {
    const config = context.config(command);
    // Only this command needs the broker's code; the others start faster without it.
    const { runDaemon } = await import("#broker/main.ts");
    await runDaemon(config);
  });
}
