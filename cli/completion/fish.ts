// The program as a completion script for fish: a file in its folder of completions.

import { type CommandShape, type FlagShape, type ProgramShape, quoted } from "./shape.ts";

/** fish knows no other escapes between single quotes than these two. */
const word = (text: string): string => quoted(text.replaceAll("\\", "\\\\"), String.raw`\'`);

export function fishScript({ name, root, commands }: ProgramShape): string {
  const complete = `complete -c ${name}`;
  const first = `${complete} -n __fish_use_subcommand`;
  const lines = [
    `# fish completion of ${name}`,
    `${complete} -f`,
    ...root.flags.map((flag) => `${first} ${flagWords(flag)}`),
    ...commands.map((command) => `${first} -a ${command.name} -d ${word(command.description)}`),
    ...commands.flatMap((command) => commandLines(command, complete)),
  ];
  return `${lines.join("\n")}\n`;
}

function commandLines({ name, flags, argument }: CommandShape, complete: string): string[] {
  const seen = `${complete} -n ${word(`__fish_seen_subcommand_from ${name}`)}`;
  const words = argument ?? [];
  return [
    ...flags.map((flag) => `${seen} ${flagWords(flag)}`),
    ...(words.length === 0 ? [] : [`${seen} -a ${word(words.join(" "))}`]),
  ];
}

function flagWords({ short, long, description, value }: FlagShape): string {
  const names = `${short === undefined ? "" : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
  const told = `-d ${word(description)}`;
  switch (value.kind) {
    case "none":
      return `${names} ${told}`;
    case "text":
      return `${names} -x ${told}`;
    case "path":
      return `${names} -r -F ${told}`;
    case "choice":
      return `${names} -x -a ${word(value.choices.join(" "))} ${told}`;
    default:
      return value satisfies never;
  }
}
