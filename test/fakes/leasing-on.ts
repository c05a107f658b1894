// The one writer on a disk and a kernel of the test's, in a boot and at a time that stand still.

import type { Ledger } from "#core/ledger.ts";
import type { Effects } from "#broker/effects.ts";
import { Leasing } from "#broker/leasing.ts";
import { BOOT, START } from "#test/core/lease-fixtures.ts";

/** `trouble` hears what went wrong; nobody does when it is absent. */
export function leasingOn(
  ledger: Ledger,
  effects: Pick<Effects, "persist" | "route">,
  trouble: (what: string) => void = () => undefined,
): Leasing {
  return new Leasing({
    ledger,
    effects: {
      ...effects,
      reply: async (_cause, send) => send(),
      mirror: async () => "",
      unspool: (_cause, remove) => remove(),
    },
    clock: { now: () => START, boottime: () => 0 },
    bootId: BOOT,
    emit: () => undefined,
    committed: () => undefined,
    trouble,
  });
}
