// cocoon-net completion: a script that lets a shell complete commands, flags and their values.

import { Argument, Command } from "commander";
import { bashScript } from "#cli/completion/bash.ts";
import { fishScript } from "#cli/completion/fish.ts";
import { type ProgramShape, programShape } from "#cli/completion/shape.ts";
import { zshScript } from "#cli/completion/zsh.ts";
import type { Context } from "#cli/context.ts";

const scripts: ReadonlyMap<string, (program: ProgramShape) => string> = new Map([
  ["bash", bashScript],
  ["zsh", zshScript],
  ["fish", fishScript],
]);

export function completionCommand(context: Context): Command {
  const command = new Command("completion")
    .description("print a completion script for bash, zsh or fish")
    .addArgument(new Argument("<shell>", "the shell").choices([...scripts.keys()]))
    .addHelpText(
      "after",
      "\nExamples:\n  cocoon-net completion bash >/etc/bash_completion.d/cocoon-net\n  cocoon-net completion zsh >/usr/local/share/zsh/site-functions/_cocoon-net\n  cocoon-net completion fish >/etc/fish/completions/cocoon-net.fish\n  source <(cocoon-net completion bash)",
    );
  return command.action((shell: string) => {
    const program = command.parent;
    const script = scripts.get(shell);
    if (program === null || script === undefined)
      throw new Error(`there is no script for ${shell}`);
    context.terminal.out(script(programShape(program)));
  });
}
