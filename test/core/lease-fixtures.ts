// What the tests of the lease state machine share: a small pool, owners, stamps, and a ledger that commits at once.

import { type Ip, type Mac, ip, parseMac } from "#core/address.ts";
import { type AttachOutcome, type AttachRequest, type Moment, decideAttach } from "#core/attach.ts";
import type { Decision } from "#core/effects.ts";
import { Ledger } from "#core/ledger.ts";
import type { ContainerOwner, Lease } from "#core/lease.ts";
import { nodePool } from "#core/pool.ts";
import { parsePrefix } from "#core/prefix.ts";
import type { Pool } from "#core/range.ts";
import type { Stamp } from "#core/time.ts";

export const BOOT = "boot-now";
export const START = 1_800_000_000_000;

export const mac = (last: number): Mac =>
  parseMac(`02:00:00:00:00:${last.toString(16).padStart(2, "0")}`) as Mac;
export const stamp = (boottime: number, bootId = BOOT): Stamp => ({
  bootId,
  boottime: String(boottime),
});
export const at = (milliseconds: number): Moment => ({ now: START + milliseconds, bootId: BOOT });

export function pool(subnet = "10.9.0.0/29"): Pool {
  const prefix = parsePrefix(subnet);
  if (prefix === undefined) throw new Error(`bad fixture ${subnet}`);
  return nodePool({ subnet: prefix, gateway: ip(subnet.replace(/\d+\/\d+$/, "1")) });
}

export const container = (
  containerId: string,
  network = "net",
  ifname = "eth0",
): ContainerOwner => ({ kind: "container", network, containerId, ifname });

/** Applies a decision as the interpreter does when nothing fails. */
export function commit<Outcome>(ledger: Ledger, decision: Decision<Outcome>): Outcome {
  ledger.apply(decision.changes);
  return decision.outcome;
}

export function add(
  ledger: Ledger,
  owner: ContainerOwner,
  options: Partial<AttachRequest> & { boottime?: number; moment?: Moment } = {},
): AttachOutcome {
  const { boottime = 1_000, moment = at(0), ...rest } = options;
  const request: AttachRequest = {
    owner,
    attachment: { netns: "/run/netns/x", stamp: stamp(boottime) },
    pool: pool(),
    requested: [],
    strict: false,
    ...rest,
  };
  return commit(ledger, decideAttach(ledger, request, moment));
}

/** The leases of an ADD that must have succeeded. */
export function leasesOf(outcome: AttachOutcome): readonly Lease[] {
  if (outcome.kind === "refused") throw new Error(`refused: ${outcome.error.message}`);
  return outcome.leases;
}

export const addressesOf = (outcome: AttachOutcome): readonly Ip[] =>
  leasesOf(outcome).map((lease) => lease.ip);
