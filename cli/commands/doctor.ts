// cocoon-net doctor: everything that would stop it, each with its remedy.

import { Command, Option } from "commander";
import { diagnoseCloud } from "#cli/cloud-diagnosis.ts";
import { cloudSide } from "#cli/cloud-side.ts";
import type { Context } from "#cli/context.ts";
import { diagnose } from "#cli/diagnosis.ts";
import { EXIT_OK, EXIT_PROBLEMS } from "#cli/exit-codes.ts";
import type { Finding } from "#cli/finding.ts";
import { gatherFacts } from "#cli/machine.ts";
import { foreseeInit } from "#cli/init-foresight.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";
import type { Terminal, Tone } from "#cli/terminal.ts";

const tones: Readonly<Record<Finding["state"], Tone>> = {
  ok: "green",
  warning: "yellow",
  problem: "red",
};

export function doctorCommand(context: Context): Command {
  const command = new Command("doctor")
    .description("look for everything that would stop cocoon-net on this node")
    .addOption(new Option("--no-cloud", "leave the cloud's side out"))
    .addOption(outputOption());
  addSettings(command, "doctor").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net doctor\n  cocoon-net doctor --no-cloud\n  cocoon-net doctor --platform gke --subnet 172.20.100.0/24\n  cocoon-net doctor --output json | jq '.[] | select(.state != \"ok\")'\n\nOn a node without a pool, --platform and --subnet tell what would stop init.\nEnds with 7 when there is a problem; warnings alone end with 0.",
  );
  return command.action(async () => {
    const config = context.config(command);
    const facts = await context.terminal.progress("looking", () =>
      gatherFacts(config, context.client(config), context.now()),
    );
    const { cloud: wanted }: { cloud: boolean } = command.opts();
    const { pool } = facts;
    const cloud = async (): Promise<readonly Finding[]> =>
      pool === undefined
        ? foreseeInit(config, context.now, context.interrupted())
        : diagnoseCloud(pool, await cloudSide(pool, context.interrupted()));
    const findings = [
      ...diagnose(facts, config),
      ...(wanted
        ? await context.terminal.progress("reading the cloud", cloud)
        : diagnoseCloud(pool, undefined)),
    ];
    context.terminal.out(
      render(formatOf(command.opts()), findings, () =>
        findings.map((finding) => line(finding, context.terminal)).join(""),
      ),
    );
    context.exit(findings.some(({ state }) => state === "problem") ? EXIT_PROBLEMS : EXIT_OK);
  });
}

function line({ check, state, detail, symptom, remedy }: Finding, terminal: Terminal): string {
  const mark = terminal.colour(tones[state], state.padEnd(7));
  const more = (name: string, text: string) => (text === "" ? "" : `         ${name}: ${text}\n`);
  return `${mark}  ${check}: ${detail}\n${more("symptom", symptom ?? "")}${more("remedy", remedy)}`;
}
