// The CNI side's leasing port on top of the core's decisions: each request is one decision, made by the one writer.

import { type Ip, ipFamily } from "#core/address.ts";
import { type Moment, decideAttach } from "#core/attach.ts";
import { decideCollect, decideConfirm, decideDetach } from "#core/detach.ts";
import type { Decision, Verb } from "#core/effects.ts";
import type { Ledger } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import { poolSize } from "#core/pool.ts";
import { type Pool, type RangeSet, rangeFor } from "#core/range.ts";
import type { ContainerLeasing } from "./leasing-port.ts";

export interface LeasingWriter {
  readonly ledger: Ledger;
  /** Resolves with the decision's outcome once its changes are durable and its routes stand. */
  submit<Outcome>(
    verb: Verb,
    decide: (ledger: Ledger, moment: Moment) => Decision<Outcome>,
  ): Promise<Outcome>;
}

export interface ContainerLeasingOptions {
  readonly writer: LeasingWriter;
  /** Asks the kernel. */
  readonly routeStands: (ip: Ip) => Promise<boolean>;
  readonly serving: () => boolean;
}

export function createContainerLeasing({
  writer,
  routeStands,
  serving,
}: ContainerLeasingOptions): ContainerLeasing {
  return {
    attach: (request) =>
      writer.submit("ADD", (ledger, moment) => decideAttach(ledger, request, moment)),
    confirm: ({ owner, sequences }) =>
      writer.submit("CONFIRM", (ledger) =>
        decideConfirm(ledger, { key: ownerKey(owner), sequences }),
      ),
    detach: (request) =>
      writer.submit("DEL", (ledger, moment) => decideDetach(ledger, request, moment)),
    collect: (request) =>
      writer.submit("GC", (ledger, moment) => decideCollect(ledger, request, moment)),
    check: (owner) => writer.ledger.heldBy(ownerKey(owner)),
    routeStands,
    status: (pool) => ({ serving: serving(), available: availableIn(writer.ledger, pool) }),
  };
}

/** Free and cooling addresses of the pool's scarcest set: an ADD needs one of each. Cooling ones are given when none is free. */
function availableIn(ledger: Ledger, pool: Pool): bigint {
  const bySet = pool.sets.map((set) => freeIn(ledger, set) + coolingIn(ledger, pool, set));
  return bySet.reduce(
    (least, available) => (available < least ? available : least),
    bySet[0] ?? 0n,
  );
}

function freeIn(ledger: Ledger, set: RangeSet): bigint {
  const taken = set.map(({ family, first, last }) => ledger.blocks(family).countTaken(first, last));
  const free = poolSize(set) - taken.reduce((sum, count) => sum + count, 0n);
  return free < 0n ? 0n : free;
}

function coolingIn(ledger: Ledger, pool: Pool, set: RangeSet): bigint {
  let cooling = 0n;
  for (const { ip } of ledger.cooling(pool.name)) {
    if (set[0]?.family === ipFamily(ip) && rangeFor(set, ip) !== undefined) cooling++;
  }
  return cooling;
}
