// What the CNI verbs ask of the ledger, put through the one writer.

import type { Ip } from "#core/address.ts";
import { availableIn } from "#core/available.ts";
import { decideAttach, type AttachOutcome, type AttachRequest } from "#core/attach.ts";
import {
  type CollectRequest,
  type DetachRequest,
  type Released,
  decideCollect,
  decideConfirm,
  decideDetach,
} from "#core/detach.ts";
import { type ContainerOwner, type Lease, ownerKey } from "#core/lease.ts";
import type { Pool } from "#core/range.ts";
import type { Leasing } from "./leasing.ts";

export interface ContainersOptions {
  readonly leasing: Leasing;
  readonly routeStands: (ip: Ip) => Promise<boolean>;
  readonly serving: () => boolean;
}

export function createContainers({ leasing, routeStands, serving }: ContainersOptions) {
  const { ledger } = leasing;
  return {
    attach: (request: AttachRequest): Promise<AttachOutcome> =>
      leasing.submit("ADD", (state, moment) => decideAttach(state, request, moment)),
    confirm: ({
      owner,
      sequences,
    }: {
      readonly owner: ContainerOwner;
      readonly sequences: readonly number[];
    }): Promise<void> =>
      leasing.submitPatiently("CONFIRM", (state) =>
        decideConfirm(state, { key: ownerKey(owner), sequences }),
      ),
    detach: (request: DetachRequest): Promise<Released> =>
      leasing.submit("DEL", (state, moment) => decideDetach(state, request, moment)),
    collect: (request: CollectRequest): Promise<Released> =>
      leasing.submit("GC", (state, moment) => decideCollect(state, request, moment)),
    check: (owner: ContainerOwner): readonly Lease[] => ledger.heldBy(ownerKey(owner)),
    routeStands,
    status: (pool: Pool) => ({ serving: serving(), available: availableIn(ledger, pool) }),
  };
}
