// cocoon-net conflist: prints both conflists, or writes them.

import { join } from "node:path";
import { Command, Option } from "commander";
import {
  type Conflist,
  containerChain,
  containerConflist,
  guestConflist,
} from "#conflist/conflist.ts";
import { defaultChange, listNetworks } from "#conflist/default-network.ts";
import { probeVersions } from "#conflist/probe.ts";
import { conflistDiffers, writeConflist } from "#conflist/write.ts";
import type { Config } from "#broker/config.ts";
import { BrokerError } from "#core/errors.ts";
import type { Context } from "#cli/context.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";

/** Ethernet's, where the broker's own choice is not at hand. */
const DEFAULT_MTU = 1500;

export function conflistCommand(context: Context): Command {
  const command = new Command("conflist")
    .description("print the CNI configurations of containers and guests; write them with --write")
    .addOption(new Option("--write", "write them into the folder of CNI configurations"))
    .addOption(
      new Option("--mtu <bytes>", "MTU of the containers' interfaces")
        .default(DEFAULT_MTU)
        .argParser(mtuOf),
    )
    .addOption(new Option("--dry-run", "with --write: say what would be written, change nothing"))
    .addOption(outputOption());
  addSettings(command, "conflist").addHelpText(
    "after",
    "\nExamples:\n  cocoon-net conflist\n  cocoon-net conflist --write --dry-run\n  cocoon-net conflist --write --make-default --cni-conf-dir /etc/cni/net.d",
  );
  return command.action(async () => {
    const config = context.config(command);
    const options: { write?: true; mtu: number; dryRun?: true } = command.opts();
    const conflists = await context.terminal.progress("asking the plugins for their versions", () =>
      build(config, options.mtu),
    );
    const change = defaultChange(await listNetworks(config.cniConfDir), conflists);
    const planned = await Promise.all(
      conflists.map(async (conflist) => ({
        path: join(config.cniConfDir, conflist.fileName),
        differs: await conflistDiffers(config.cniConfDir, conflist),
        conflist,
      })),
    );
    const name = (file: typeof change.before) =>
      file === undefined ? "none" : `${file.network} (${file.fileName})`;
    const data = planned.map(({ path, differs, conflist }) => ({
      path,
      differs,
      content: JSON.parse(conflist.text) as unknown,
    }));
    context.terminal.out(
      render(formatOf(command.opts()), data, () =>
        options.write === true
          ? `${planned.map(({ path, differs }) => `${differs ? "write" : "keep"} ${path}\n`).join("")}default network of the container runtime: before ${name(change.before)}, after ${name(change.after)}\n`
          : planned.map(({ path, conflist }) => `# ${path}\n${conflist.text}`).join(""),
      ),
    );
    if (options.write !== true || options.dryRun === true) return;
    if (change.displaces && !config.makeDefault) {
      throw new BrokerError(
        "invalid-config",
        `containers now use the network ${name(change.before)}; they would use ${name(change.after)}`,
        { hint: "agree with --make-default, or name another folder with --cni-conf-dir" },
      );
    }
    for (const { differs, conflist } of planned)
      if (differs) await writeConflist(config.cniConfDir, conflist);
  });
}

async function build(config: Config, mtu: number): Promise<readonly Conflist[]> {
  const plugins = await probeVersions(config.cniBinDir, containerChain);
  return [
    containerConflist({
      bridge: config.bridge,
      mtu,
      plugins,
      socket: config.socket,
      spool: config.spoolPath,
    }),
    guestConflist(config.bridge),
  ];
}

/** 68 is IPv4's least (RFC 791), 65,535 the most that a length field holds. */
function mtuOf(text: string): number {
  const mtu = Number(text);
  if (/^[0-9]{2,5}$/.test(text) && mtu >= 68 && mtu <= 65_535) return mtu;
  throw new BrokerError("invalid-config", `--mtu ${text} is not a number from 68 to 65535`, {
    hint: "use the smallest MTU of the node's NICs",
  });
}
