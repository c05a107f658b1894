// cocoon-net events: what happened recently, and what happens.

import { Command, Option } from "commander";
import type { RecordedEvent } from "#broker/api/contract.ts";
import type { Context } from "#cli/context.ts";
import { describeEvent } from "#cli/event-text.ts";
import { rfc3339 } from "#cli/moment.ts";
import { formatOf, outputOption } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";

export function eventsCommand(context: Context): Command {
  const command = new Command("events")
    .description("show recent events, and with --follow those that come")
    .addOption(new Option("-f, --follow", "go on until interrupted"))
    .addOption(outputOption());
  addSettings(command, "broker").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net events\n  cocoon-net events --follow\n  cocoon-net events --follow --output json",
  );
  return command.action(async () => {
    const { follow }: { follow?: true } = command.opts();
    const controller = new AbortController();
    const stop = () => controller.abort();
    process.once("SIGINT", stop);
    const format = formatOf(command.opts());
    try {
      for await (const event of context
        .client(context.config(command))
        .events({ replay: true, recentOnly: follow !== true, signal: controller.signal })) {
        context.terminal.out(lineOf(event, format === "json" || format === "yaml"));
      }
    } catch (thrown) {
      // Our own abort ends the stream with an error; that is how it is meant to end.
      if (!controller.signal.aborted) throw thrown;
    } finally {
      process.off("SIGINT", stop);
    }
  });
}

/** JSON in one line is also YAML. */
const lineOf = (event: RecordedEvent, forPrograms: boolean): string =>
  forPrograms
    ? `${JSON.stringify({ ...event, at: rfc3339(event.at) })}\n`
    : `${rfc3339(event.at)} ${describeEvent(event)}\n`;
