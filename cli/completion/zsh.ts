// The program as a completion script for zsh: a file `_cocoon-net` in a folder of $fpath.

import {
  type CommandShape,
  type FlagShape,
  type ProgramShape,
  quoted,
  spellings,
} from "./shape.ts";

export function zshScript({ name, root, commands }: ProgramShape): string {
  const functionName = `_${name.replaceAll("-", "_")}`;
  return `#compdef ${name}
# zsh completion of ${name}
${functionName}() {
  local -a commands=(
${commands.map((command) => `    ${quoted(`${command.name}:${command.description}`)}`).join("\n")}
  )
  if ((CURRENT == 2)); then
    if [[ $PREFIX == -* ]]; then
      _arguments${argumentsOf(root)}
    else
      _describe command commands
    fi
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${commands.map((command) => `    ${command.name}) _arguments${argumentsOf(command)} ;;`).join("\n")}
  esac
}
if [[ $funcstack[1] == _${name} ]]; then
  ${functionName} "$@"
else
  compdef ${functionName} ${name}
fi
`;
}

function argumentsOf({ flags, argument }: CommandShape): string {
  const words = argument === undefined ? [] : [`1: :(${argument.join(" ")})`];
  return [...flags.flatMap(specs), ...words].map((spec) => ` \\\n      ${quoted(spec)}`).join("");
}

/** As _arguments(zshcompsys) wants them: name, explanation in brackets, what the value is. */
function specs(flag: FlagShape): readonly string[] {
  const words = flag.description.replaceAll(/[[\]\\]/g, String.raw`\$&`);
  const once = flag.isRepeatable ? "*" : "";
  return spellings(flag).map((spelling) => `${once}${spelling}[${words}]${value(flag)}`);
}

function value({ value: shape, placeholder }: FlagShape): string {
  const title = placeholder.replaceAll(":", String.raw`\:`);
  switch (shape.kind) {
    case "none":
      return "";
    case "text":
      return `:${title}: `;
    case "path":
      return `:${title}:_files`;
    case "choice":
      return `:${title}:(${shape.choices.join(" ")})`;
    default:
      return shape satisfies never;
  }
}
