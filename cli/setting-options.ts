// Command-line options made from the settings' one schema.

import { type Command, Option } from "commander";
import { DEFAULT_CONFIG_FILE, defaultInWords } from "#broker/config.ts";
import type { Setting, SettingUser } from "#broker/setting.ts";
import { settings } from "#broker/settings.ts";

/** Adds `--config` and every setting that the command uses, named as in the settings' table. */
export function addSettings(command: Command, user: SettingUser): Command {
  command.addOption(new Option("--config <path>", `config file (default: ${DEFAULT_CONFIG_FILE})`));
  for (const setting of Object.values<Setting>(settings)) {
    if (setting.flag !== undefined && setting.usedBy.includes(user))
      command.addOption(optionOf(setting, setting.flag));
  }
  return command;
}

function optionOf(setting: Setting, flag: string): Option {
  const value = setting.kind === "switch" ? "" : ` <${setting.placeholder ?? "value"}>`;
  const preset = setting.kind === "switch" ? "" : ` (default: ${defaultInWords(setting)})`;
  const option = new Option(
    `--${flag}${value}`,
    `${lowerFirst(setting.meaning.replace(/\.$/, ""))}${preset}`,
  );
  // commander takes --no-… for the opposite of a switch; --no-masquerade-cidr is a name like any other.
  option.negate = false;
  const choices = choicesOf(setting);
  // Help and completion tell them; the settings' own check refuses others, whatever their source.
  if (choices.length > 0) option.argChoices = choices;
  if (setting.kind === "list")
    option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
  return option;
}

/** The values of a setting that has no others. */
function choicesOf({ kind, schema }: Setting): string[] {
  if (kind !== "text") return [];
  return [...(schema._zod.values ?? [])].flatMap((value) =>
    typeof value === "string" ? [value] : [],
  );
}

/** Names such as DHCP stay as they are. */
const lowerFirst = (text: string): string =>
  /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
