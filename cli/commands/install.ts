// cocoon-net install: puts command, plugin, unit and folders in their places; each file by rename, never written in place.

import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import { BrokerError } from "#core/errors.ts";
import { type Step, formatSteps } from "#provision/plan.ts";
import type { Config } from "#broker/config.ts";
import type { Context } from "#cli/context.ts";
import { formatOf, outputOption, render } from "#cli/output.ts";
import { addSettings } from "#cli/setting-options.ts";

/** One thing to put in place. */
interface Item {
  readonly kind: "link" | "copy" | "folder";
  readonly from: string;
  readonly to: string;
  readonly mode: number;
}

const UNIT_FOLDER = "/etc/systemd/system";

export function installCommand(context: Context): Command {
  const command = new Command("install")
    .description(
      "put the command, the CNI plugin, the systemd unit and the folders in their places",
    )
    .addOption(
      new Option(
        "--from <folder>",
        "folder that holds cocoon-net, cocoon-ipam and cocoon-net.service",
      ).default(dirname(process.argv[1] ?? "."), "the folder of this command"),
    )
    .addOption(new Option("--bin-dir <path>", "folder of the command").default("/usr/local/bin"))
    .addOption(new Option("--unit-dir <path>", "folder of the systemd unit").default(UNIT_FOLDER))
    .addOption(new Option("--dry-run", "print the plan, change nothing"))
    .addOption(outputOption());
  addSettings(command, "install").addHelpText(
    "after",
    "\nExamples:\n  dist/cocoon-net install --dry-run\n  dist/cocoon-net install\n  dist/cocoon-net install --cni-bin-dir /usr/lib/cni",
  );
  return command.action(async () => {
    const options: { from: string; binDir: string; unitDir: string; dryRun?: true } =
      command.opts();
    const items = await itemsOf(resolve(options.from), options, context.config(command));
    const steps = await Promise.all(items.map(stepOf));
    context.terminal.out(
      render(formatOf(command.opts()), { dryRun: options.dryRun === true, steps }, () =>
        formatSteps(steps),
      ),
    );
    if (options.dryRun === true) return;
    for (const [index, item] of items.entries())
      if (steps[index]?.action !== "keep")
        await context.terminal.progress(`installing ${item.to}`, () => place(item));
    context.terminal.err("next: systemctl daemon-reload && systemctl enable --now cocoon-net\n");
  });
}

async function itemsOf(
  from: string,
  options: { readonly binDir: string; readonly unitDir: string },
  config: Config,
): Promise<readonly Item[]> {
  const unit = await firstThere(
    [
      join(from, "cocoon-net.service"),
      join(from, "..", "packaging", "cocoon-net.service"),
      "/usr/lib/cocoon-net/cocoon-net.service",
    ],
    "the unit",
  );
  const command = await firstThere([join(from, "cocoon-net")], "the command");
  const plugin = await firstThere([join(from, "cocoon-ipam")], "the plugin");
  return [
    { kind: "folder", from: "", to: config.stateDir, mode: 0o700 },
    { kind: "folder", from: "", to: dirname(config.configFile), mode: 0o755 },
    // The command needs what lies beside it; the plugin runs where only its own folder may be visible.
    { kind: "link", from: command, to: join(options.binDir, "cocoon-net"), mode: 0o755 },
    { kind: "copy", from: plugin, to: join(config.cniBinDir, "cocoon-ipam"), mode: 0o755 },
    { kind: "copy", from: unit, to: join(options.unitDir, "cocoon-net.service"), mode: 0o644 },
  ];
}

async function firstThere(paths: readonly string[], what: string): Promise<string> {
  for (const path of paths) if (await isFile(path)) return path;
  throw new BrokerError("invalid-config", `${what} is not at ${paths.join(" nor ")}`, {
    hint: "run make build, and name the folder with --from",
  });
}

async function stepOf(item: Item): Promise<Step> {
  const detail = item.kind === "folder" ? "folder" : `${item.kind} of ${item.from}`;
  return (await isInPlace(item))
    ? { action: "keep", target: item.to, detail: "already as wanted" }
    : { action: "make", target: item.to, detail };
}

async function isInPlace({ kind, from, to, mode }: Item): Promise<boolean> {
  const found = await lstat(to).catch(absent);
  if (found === undefined) return false;
  if (kind === "folder") return found.isDirectory();
  if (kind === "link") return found.isSymbolicLink() && (await readlink(to)) === from;
  return (
    found.isFile() &&
    (found.mode & 0o777) === mode &&
    (await readFile(to)).equals(await readFile(from))
  );
}

async function place({ kind, from, to, mode }: Item): Promise<void> {
  if (kind === "folder") {
    await mkdir(to, { recursive: true, mode });
    return;
  }
  await mkdir(dirname(to), { recursive: true });
  const unfinished = `${to}.new`;
  await rm(unfinished, { force: true });
  if (kind === "link") await symlink(from, unfinished);
  else {
    await copyFile(from, unfinished);
    await chmod(unfinished, mode);
    await sync(unfinished);
  }
  // A plugin that is being executed keeps its old file; the next call gets the new one whole.
  await rename(unfinished, to);
  await sync(dirname(to));
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(absent))?.isFile() ?? false;
}

function absent(thrown: unknown): undefined {
  if (
    thrown instanceof Error &&
    "code" in thrown &&
    (thrown.code === "ENOENT" || thrown.code === "ENOTDIR")
  )
    return undefined;
  throw thrown;
}
