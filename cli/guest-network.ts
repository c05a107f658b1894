// The guests' conflist as commands write it, and what it makes of the container runtime's default network.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Conflist, containerFileName, guestConflist } from "#conflist/conflist.ts";
import { type DefaultChange, defaultChange, listNetworks } from "#conflist/default-network.ts";
import { conflistDiffers, writeConflist } from "#conflist/write.ts";
import { BrokerError } from "#core/errors.ts";
import type { Step } from "#provision/plan.ts";
import type { Config } from "#broker/config.ts";
import type { Context } from "./context.ts";

export interface GuestNetwork {
  readonly guest: Conflist;
  readonly change: DefaultChange;
  readonly step: Step;
}

/** What writing it would do. */
export async function foreseeGuestNetwork(config: Config): Promise<GuestNetwork> {
  const guest = guestConflist(config.bridge);
  const change = defaultChange(await listNetworks(config.cniConfDir), [
    // The broker writes its own when it serves.
    { fileName: containerFileName, network: "cocoon-net" },
    guest,
  ]);
  return { guest, change, step: await stepOf(config, guest) };
}

/** Throws when another network would no longer be the default and nobody has agreed to that. */
export function refuseDisplacing(config: Config, { change }: GuestNetwork): void {
  if (!change.displaces || config.makeDefault) return;
  throw new BrokerError(
    "invalid-config",
    `containers now use the network ${change.before?.network} (${change.before?.fileName}); they would use ${change.after?.network}`,
    {
      hint: "agree with --make-default, or name another folder with --cni-conf-dir",
    },
  );
}

export async function writeGuestNetwork(
  { terminal }: Context,
  config: Config,
  { guest, step }: GuestNetwork,
): Promise<void> {
  if (step.action !== "write") return;
  await terminal.progress(`writing ${step.target}`, () => writeConflist(config.cniConfDir, guest));
}

export function defaultInWords({ change: { before, after } }: GuestNetwork): string {
  const name = (file: DefaultChange["before"]) =>
    file === undefined ? "none" : `${file.network} (${file.fileName})`;
  return `default network of the container runtime: before ${name(before)}, after ${name(after)}\n`;
}

async function stepOf(config: Config, guest: Conflist): Promise<Step> {
  const target = join(config.cniConfDir, guest.fileName);
  if (!(await conflistDiffers(config.cniConfDir, guest)))
    return { action: "keep", target, detail: "already as wanted" };
  const replaces = (await exists(target)) ? " (replaces what is there)" : "";
  return { action: "write", target, detail: `network ${guest.network}${replaces}` };
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    // Absent or unreadable: either way there is nothing of which a replacement could be told.
    () => false,
  );
}
