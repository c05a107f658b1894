// What observing could have shown, and what a journal could say: fixtures of the rules' tables.

import type { Provisioning } from "#provision/journal.ts";
import type { GkeSeen } from "#provision/gke/seen.ts";
import { SUBNET } from "./node.ts";

export const podAlias = { ipCidrRange: "10.4.1.0/24", subnetworkRangeName: "pods" };
export const ourAlias = { ipCidrRange: SUBNET, subnetworkRangeName: "cocoon-pods" };
export const ourRange = { rangeName: "cocoon-pods", ipCidrRange: "172.20.0.0/16" };

export interface Change {
  readonly aliases?: GkeSeen["nic"]["aliasIpRanges"];
  readonly ranges?: GkeSeen["subnetwork"]["secondaryIpRanges"];
  readonly seen?: Partial<GkeSeen>;
}

export function seenWith({
  aliases = [podAlias],
  ranges = [ourRange],
  seen = {},
}: Change = {}): GkeSeen {
  const nic = {
    name: "nic0",
    network: "n",
    subnetwork: "s",
    fingerprint: "f",
    aliasIpRanges: [...aliases],
  };
  return {
    identity: { instance: "1", name: "node-1", zone: "z", project: "p" },
    instance: {
      id: "1",
      name: "node-1",
      status: "RUNNING",
      canIpForward: true,
      networkInterfaces: [nic],
    },
    nic,
    subnetwork: {
      name: "nodes",
      ipCidrRange: "10.128.0.0/20",
      fingerprint: "f",
      secondaryIpRanges: [{ rangeName: "pods", ipCidrRange: "10.4.0.0/14" }, ...ranges],
    },
    subnetworkReference: { project: "p", region: "r", name: "nodes" },
    scopes: ["https://www.googleapis.com/auth/cloud-platform"],
    link: "ens4",
    mac: "42:01:0a:80:00:02",
    agent: { units: ["google-guest-agent.service"], routesOff: true },
    rangeName: "cocoon-pods",
    ...seen,
  };
}

export const journal = (
  entries: Provisioning["entries"],
  state: Provisioning["state"] = "complete",
) =>
  ({
    version: 1,
    state,
    generation: "g",
    node: { instance: "1" },
    vpcCIDRs: [],
    attachments: [],
    degraded: [],
    entries,
  }) satisfies Provisioning;

export const entry = (step: string, notes = {}, state: "intended" | "done" = "done") =>
  ({ step, token: "t", attempt: 1, state, at: "", notes }) as const;
export const added = entry(`add-alias/cocoon-pods/${SUBNET}`);

export const ids = (steps: readonly { readonly id: string; readonly action: string }[]) =>
  steps.map(({ id, action }) => `${action} ${id.replace(/\/.*/, "")}`);
