// What can be typed after `cocoon-net`, read off the commander program: commands, flags, and what their values may be.

import type { Argument, Command, Option } from "commander";

/** What comes after a flag. */
export type ValueShape =
  | { readonly kind: "none" }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | { readonly kind: "path" }
  /** Anything; nothing can be offered. */
  | { readonly kind: "text" };

export interface FlagShape {
  /** `-o`; absent for most. */
  readonly short: string | undefined;
  /** `--output`. */
  readonly long: string;
  readonly description: string;
  /** The value's name in the help, empty when there is none. */
  readonly placeholder: string;
  readonly value: ValueShape;
  readonly isRepeatable: boolean;
}

export interface CommandShape {
  /** Empty for the program itself. */
  readonly name: string;
  readonly description: string;
  readonly flags: readonly FlagShape[];
  /** Choices of its first argument; `undefined` when it takes none, empty when anything may be one. */
  readonly argument: readonly string[] | undefined;
}

export interface ProgramShape {
  readonly name: string;
  readonly root: CommandShape;
  readonly commands: readonly CommandShape[];
}

const help: FlagShape = {
  short: "-h",
  long: "--help",
  description: "display help for command",
  placeholder: "",
  value: { kind: "none" },
  isRepeatable: false,
};

export const programShape = (program: Command): ProgramShape => ({
  name: program.name(),
  root: { ...commandShape(program), name: "" },
  commands: program.commands.map(commandShape),
});

function commandShape(command: Command): CommandShape {
  return {
    name: command.name(),
    description: command.description(),
    flags: [...command.options.filter(({ hidden }) => !hidden).map(flagShape), help],
    argument: command.registeredArguments.map((one: Argument) => one.argChoices ?? []).at(0),
  };
}

function flagShape(option: Option): FlagShape {
  const placeholder = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? "";
  return {
    short: option.short,
    long: option.long ?? "",
    description: option.description,
    placeholder,
    value: valueShape(option, placeholder),
    isRepeatable: option.parseArg !== undefined && option.argChoices === undefined,
  };
}

function valueShape({ argChoices }: Option, placeholder: string): ValueShape {
  if (placeholder === "") return { kind: "none" };
  if (argChoices !== undefined) return { kind: "choice", choices: argChoices };
  return { kind: placeholder === "path" ? "path" : "text" };
}

/** Both spellings of a flag, the long one first. */
export const spellings = ({ short, long }: FlagShape): readonly string[] =>
  short === undefined ? [long] : [long, short];

/** A word that a shell takes as it stands, between single quotes; `escape` is how it writes one inside. */
export const quoted = (text: string, escape = String.raw`'\''`): string =>
  `'${text.replaceAll("'", escape)}'`;
