// cocoon-net fsck: every difference between the ledger and what is there, what it means, and mending it.

import { Command, Option } from "commander";
import type { DifferenceAnswer, FsckAnswer } from "#broker/api/contract.ts";
import type { Config } from "#broker/config.ts";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import type { Context } from "#cli/context.ts";
import { EXIT_OK, EXIT_PROBLEMS } from "#cli/exit-codes.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";
import type { Terminal } from "#cli/terminal.ts";

export function fsckCommand(context: Context): Command {
  const command = new Command("fsck")
    .description(
      "compare the ledger with routes, neighbours, namespaces, DHCP, pool.json, leases.json and spool",
    )
    .addOption(new Option("--repair", "mend the differences; the broker must be running"))
    .addOption(outputOption());
  addSettings(command, "fsck").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net fsck\n  cocoon-net fsck --repair\n  cocoon-net fsck --output json | jq '.differences[] | select(.mended | not)'\n\nWithout a running broker its files are compared, and nothing is changed.\nEnds with 0 when nothing differs any more, with 7 when something does.",
  );
  return command.action(async () => {
    const config = context.config(command);
    const { repair }: { repair?: true } = command.opts();
    const { answer, offline } = await context.terminal.progress("comparing", () =>
      compareNode(context, config, repair === true),
    );
    if (offline) context.terminal.err("the broker is not running: its files were compared\n");
    context.terminal.out(
      render(formatOf(command.opts()), { offline, ...answer }, () =>
        inWords(answer, context.terminal),
      ),
    );
    context.exit(answer.open === 0 ? EXIT_OK : EXIT_PROBLEMS);
  });
}

async function compareNode(
  context: Context,
  config: Config,
  repair: boolean,
): Promise<{ readonly answer: FsckAnswer; readonly offline: boolean }> {
  try {
    return { answer: await context.client(config).fsck(repair), offline: false };
  } catch (thrown) {
    const error = toBrokerError(thrown);
    if (error.code !== "not-ready") throw error;
    if (repair)
      throw new BrokerError("not-ready", `nothing was mended: ${error.message}`, {
        hint: "start the broker, which puts most of it right by itself, and run fsck --repair again; or leave --repair out",
        cause: error,
      });
    const { fsckOffline } = await import("#broker/offline-fsck.ts");
    const trouble = (what: string, fault: Error): void =>
      context.terminal.err(`${what}: ${fault.message}\n`);
    return { answer: await fsckOffline(config, trouble), offline: true };
  }
}

function inWords({ differences, total, open, compared }: FsckAnswer, terminal: Terminal): string {
  const { leases, routes, neighbours, namespaces } = compared;
  const looked = `compared: ${leases} leases, ${routes} routes, ${neighbours} neighbours, ${namespaces} namespaces\n`;
  const lines = differences.map((difference) => oneInWords(difference, terminal));
  const more = total > differences.length ? `and ${total - differences.length} more\n` : "";
  const result =
    total === 0
      ? "nothing differs\n"
      : `${total} ${total === 1 ? "difference" : "differences"}, ${open} open\n`;
  return `${lines.join("")}${more}${looked}${result}`;
}

function oneInWords(
  { kind, about, detail, meaning, mending, mended }: DifferenceAnswer,
  terminal: Terminal,
): string {
  const mark = mended ? terminal.colour("green", "mended") : terminal.colour("red", "differs");
  const next =
    mending === undefined
      ? "not mended by --repair: see docs/fsck.md"
      : `${mended ? "done" : "--repair"}: ${mending}`;
  return `${mark}  ${kind} ${about}: ${detail}\n         means: ${meaning}\n         ${next}\n`;
}
