// Writes and removes the files that keep other DHCP clients away, and makes links ready.

import type { Run, StepOutcome } from "#provision/cloud.ts";
import type { Timing } from "#provision/retry.ts";
import type { Host } from "./host.ts";
import { keepAwayFiles, managerOf, managers } from "./network-managers.ts";
import { short } from "./outcome.ts";
import type { Link, NetworkManagerName } from "./seen.ts";
import { LINK, pause, waiting } from "./waiting.ts";
import type { WorkOf } from "./work.ts";

export async function keepAway(
  host: Host,
  work: WorkOf<"keep-away">,
  run: Run,
): Promise<StepOutcome> {
  const { managers: present } = await host.observe();
  const files = keepAwayFiles(present, work.slot, macOf(work, run));
  for (const { path, text } of files) await host.write(path, text);
  for (const { manager } of files) await reload(host, manager, run);
  return { kind: "done", notes: { files: files.map(({ path }) => path) } };
}

export async function removeFile(
  host: Host,
  { path }: WorkOf<"remove-file">,
  run: Run,
): Promise<StepOutcome> {
  await host.remove(path);
  const manager = managerOf(path);
  if (manager !== undefined) await reload(host, manager, run);
  return { kind: "done", notes: {} };
}

/** A manager that does not run reads its files when it starts. */
async function reload(host: Host, manager: NetworkManagerName, run: Run): Promise<void> {
  const reason = await host.reload(manager, run.signal);
  if (reason !== undefined) run.progress(`${manager} did not read its files again: ${reason}`);
}

/** Our files for that slot that are there. */
export async function slotFiles(host: Host, slot: number): Promise<readonly string[]> {
  const { files } = await host.observe();
  const names = managers.map((manager) => `${manager.configured}/${manager.fileName(slot)}`);
  return names.filter((path) => files.has(path));
}

/** Links come in any order and with any name: only the MAC tells which is which. */
export async function makeLinkReady(
  host: Host,
  timing: Timing,
  work: WorkOf<"link">,
  run: Run,
): Promise<StepOutcome> {
  const mac = macOf(work, run);
  const link = await linkWith(mac, host, timing, run);
  if (link === undefined)
    return short(
      `no link with MAC ${mac} has appeared within ${LINK.budget / 1_000} s of attaching`,
      "see whether this instance type takes interfaces while it runs; reboot it and run init again",
    );
  await host.prepare(link, run.signal);
  return { kind: "done", notes: { nic: link.name, mac } };
}

async function linkWith(
  mac: string,
  host: Host,
  timing: Timing,
  run: Run,
): Promise<Link | undefined> {
  const state = waiting(LINK);
  for (;;) {
    const link = (await host.links()).find((one) => one.mac === mac);
    if (link !== undefined) return link;
    run.progress(`waiting for the link with MAC ${mac}`);
    if (!(await pause(state, timing, run.signal))) return undefined;
  }
}

/** Of the interface that the plan found, else of the one made in its place: an older attachment says nothing of that. */
function macOf({ slot, mac }: { slot: number; mac: string | undefined }, run: Run): string {
  const made = run.result(`create-eni/${slot}`);
  const attached = run.result(`attach-eni/${slot}`);
  const same = made === undefined || made["eniID"] === attached?.["eniID"];
  const learned = (same ? attached?.["mac"] : undefined) ?? made?.["mac"];
  return mac ?? (typeof learned === "string" ? learned : "");
}
