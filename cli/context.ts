// What every command is given: where to write, the settings of its flags, and a way to the broker.

import type { Command } from "commander";
import { type ApiClient, createApiClient } from "#broker/api/client.ts";
import { type Config, colourUnwanted, loadConfig } from "#broker/config.ts";
import { type Terminal, createTerminal } from "./terminal.ts";

export interface Context {
  readonly terminal: Terminal;
  readonly now: () => number;
  /** The settings from the command's flags, the environment and the config file. */
  config(command: Command): Config;
  client(config: Config): ApiClient;
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
    exit: (code) => {
      process.exitCode = code;
    },
  };
}
