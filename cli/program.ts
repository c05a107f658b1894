// The cocoon-net command: its subcommands, and what an error looks like.

import { Command, CommanderError } from "commander";
import { API_VERSION } from "#broker/api/contract.ts";
import { toBrokerError } from "#core/errors.ts";
import { adoptCommand } from "./commands/adopt.ts";
import { completionCommand } from "./commands/completion.ts";
import { conflistCommand } from "./commands/conflist.ts";
import { daemonCommand } from "./commands/daemon.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { eventsCommand } from "./commands/events.ts";
import { fsckCommand } from "./commands/fsck.ts";
import { initCommand } from "./commands/init.ts";
import { installCommand } from "./commands/install.ts";
import { leasesCommand } from "./commands/leases.ts";
import { statusCommand } from "./commands/status.ts";
import { teardownCommand } from "./commands/teardown.ts";
import { whyCommand } from "./commands/why.ts";
import type { Context } from "./context.ts";
import { EXIT_OK, EXIT_USAGE, exitCodeOf } from "./exit-codes.ts";

/** NEW COMMAND: one file in commands/ and one line here. */
const commands: readonly ((context: Context) => Command)[] = [
  initCommand,
  adoptCommand,
  daemonCommand,
  statusCommand,
  leasesCommand,
  whyCommand,
  eventsCommand,
  conflistCommand,
  teardownCommand,
  installCommand,
  doctorCommand,
  completionCommand,
  fsckCommand,
];

export function buildProgram(context: Context): Command {
  const program = new Command("cocoon-net")
    .description(
      "One broker per node: addresses for containers and virtual machines from one pool.",
    )
    .version(API_VERSION, "-V, --version", "print the version")
    .helpCommand(false)
    .addHelpText(
      "after",
      "\nExamples:\n  cocoon-net adopt --platform local --subnet 10.88.100.0/24\n  cocoon-net daemon\n  cocoon-net status\n\nExit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 broker not running, 4 not found,\n5 refused, 6 not permitted, 7 doctor or fsck found problems,\n8 init got fewer addresses than asked for, 9 no pool to use (docs/cli.md)",
    );
  for (const make of commands) program.addCommand(make(context));
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showSuggestionAfterError()
      .configureOutput({
        writeOut: (text) => context.terminal.out(text),
        writeErr: (text) => context.terminal.err(text),
        outputError: (text, write) =>
          write(
            `${text.trimEnd()}\nnext: ${command.name() === "cocoon-net" ? "cocoon-net" : `cocoon-net ${command.name()}`} --help\n`,
          ),
      });
  }
  return program;
}

/** Runs one command line; every outcome becomes an exit code, every error says the next step. */
export async function runCommandLine(argv: readonly string[], context: Context): Promise<void> {
  try {
    await buildProgram(context).parseAsync(argv);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      context.exit(thrown.exitCode === 0 ? EXIT_OK : EXIT_USAGE);
      return;
    }
    const error = toBrokerError(thrown);
    context.terminal.err(`cocoon-net: ${error.message}\n`);
    if (error.details !== "") context.terminal.err(`  ${error.details}\n`);
    if (error.hint !== "") context.terminal.err(`next: ${error.hint}\n`);
    context.exit(exitCodeOf[error.code]);
  }
}
