// What every command is given: where to write, the settings of its flags, and a way to the broker.

import type { Command } from "commander";
import { type ApiClient, createApiClient } from "#broker/api/client.ts";
import { type Config, colourUnwanted, loadConfig } from "#broker/config.ts";
import { BrokerError } from "#core/errors.ts";
import { type Terminal, createTerminal } from "./terminal.ts";

export interface Context {
  readonly terminal: Terminal;
  readonly now: () => number;
  /** The settings from the command's flags, the environment and the config file. */
  config(command: Command): Config;
  client(config: Config): ApiClient;
  /** Aborted by SIGINT or SIGTERM; the process then ends when its work has stopped. */
  interrupted(): AbortSignal;
  /** Says how the process will end, once its work is done. */
  exit(code: number): void;
}

/** The real one. */
export function processContext(): Context {
  return {
    terminal: createTerminal(process.stdout, process.stderr, colourUnwanted()),
    now: () => Date.now(),
    config: (command) => loadConfig({ flags: command.opts() }),
    client: (config) => createApiClient(config.socket),
    interrupted: interruption(),
    exit: (code) => {
      process.exitCode = code;
    },
  };
}

function interruption(): () => AbortSignal {
  let controller: AbortController | undefined;
  return () => {
    if (controller !== undefined) return controller.signal;
    const made = new AbortController();
    for (const name of ["SIGINT", "SIGTERM"] as const)
      process.once(name, () =>
        made.abort(
          new BrokerError("provisioning-unfinished", `stopped by ${name}`, {
            hint: "run the same command again: it goes on from there",
          }),
        ),
      );
    controller = made;
    return made.signal;
  };
}
