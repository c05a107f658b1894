// The program as a completion script for bash 4 and later, with nothing else needed.

import {
  type CommandShape,
  type FlagShape,
  type ProgramShape,
  quoted,
  spellings,
} from "./shape.ts";

export function bashScript({ name, root, commands }: ProgramShape): string {
  const functionName = `_${name.replaceAll("-", "_")}`;
  return `# bash completion of ${name}
${functionName}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command='' word
  COMPREPLY=()
  # bash takes --flag=value for three words.
  if [[ $current == = ]]; then
    current=''
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
    if [[ $word != -* ]]; then
      command=$word
      break
    fi
  done
  case $command in
${commandCase(
  root,
  commands.map((command) => command.name),
)}
${commands.map((command) => commandCase(command, command.argument ?? [])).join("\n")}
  esac
}
complete -F ${functionName} ${name}
`;
}

/** What may follow the command: a value of the flag before, else flags and the words that are no flags. */
function commandCase({ name, flags }: CommandShape, words: readonly string[]): string {
  const values = flags.flatMap(valueCase);
  const offered = flags.flatMap(spellings).join(" ");
  return `    ${quoted(name)})
      case $previous in
${values.length === 0 ? "        '') ;;" : values.join("\n")}
      esac
      if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W ${quoted(offered)} -- "$current")
      else
        mapfile -t COMPREPLY < <(compgen -W ${quoted(words.length === 0 ? offered : words.join(" "))} -- "$current")
      fi
      ;;`;
}

function valueCase(flag: FlagShape): readonly string[] {
  const names = spellings(flag).join(" | ");
  switch (flag.value.kind) {
    case "none":
      return [];
    case "text":
      return [`        ${names}) return ;;`];
    case "path":
      return [
        `        ${names}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;`,
      ];
    case "choice":
      return [
        `        ${names}) mapfile -t COMPREPLY < <(compgen -W ${quoted(flag.value.choices.join(" "))} -- "$current"); return ;;`,
      ];
    default:
      return flag.value satisfies never;
  }
}
