// What a run that was cut off may have made and the cloud's lists do not show yet.

import type { Scope } from "#provision/cloud.ts";
import type { Notes, Provisioning } from "#provision/journal.ts";
import { interfaceName } from "./names.ts";
import { type Network, nodeSubnet } from "./network.ts";
import { HIDDEN_MS } from "./waiting.ts";

/** What a run that was cut off asked for, or may have, and lists do not show yet: each as step and moment. */
export function hiddenTries(scope: Scope, seen: Network, now: number): readonly string[] {
  const { provisioning, nodeName } = scope;
  const entries = provisioning?.entries ?? [];
  // A step asks anew for as long as it waits for its turn: only one that has ended tells when it asked last.
  const asked = entries.filter(
    ({ at, state, refused }) =>
      refused !== true && (state === "intended" || now - Date.parse(at) < HIDDEN_MS),
  );
  const hidden = asked.filter(({ step, notes }) => {
    if (isDeleted(entries, notes["eniID"] ?? notes["subnetID"])) return false;
    if (step === "create-subnet") return nodeSubnet(seen.subnets, scope) === undefined;
    const slot = /^create-eni\/([0-9]+)$/.exec(step)?.[1];
    if (slot === undefined) return false;
    const name = interfaceName(nodeName, Number(slot));
    return !seen.interfaces.some((one) => one.id === notes["eniID"] || one.name === name);
  });
  return hidden.map(({ step, at }) => `${step} ${at}`);
}

/** Whether a later step deleted it: that it is not shown is right then. */
const isDeleted = (entries: Provisioning["entries"], id: Notes[string] | undefined): boolean =>
  id !== undefined &&
  entries.some(
    ({ step, state, notes }) =>
      (state === "done" && /^delete-(?:eni|subnet)\/(.*)$/.exec(step)?.[1] === id) ||
      notes["deleted"] === id,
  );
