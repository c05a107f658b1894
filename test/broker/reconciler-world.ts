// A reconciler in a world of lines: what its namespaces, links and neighbours show is what the test says.

import { decideConfirm } from "#core/detach.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { NamespaceState, Sighting } from "#core/ports.ts";
import { Ledger } from "#core/ledger.ts";
import { type Attachment, type ContainerOwner, ownerKey } from "#core/lease.ts";
import { GONE_GRACE, PROVISIONAL_GRACE, SECOND_LOOK } from "#core/limits.ts";
import { Leasing } from "#broker/leasing.ts";
import { type Reconciler, createReconciler } from "#broker/reconciler.ts";
import { BOOT, START, commit } from "#test/core/lease-fixtures.ts";

export interface World {
  readonly ledger: Ledger;
  now: number;
  look: (attachment: Attachment) => NamespaceState;
  seen: readonly Sighting[];
  readonly troubles: string[];
  readonly events: BusinessEvent[];
  readonly asked: Set<string>;
  /** What each scan was asked for. */
  readonly scans: string[];
  /** Milliseconds that each scan takes. */
  slowness: number;
  /** Addresses of the leases that each commit changed. */
  readonly commits: string[][];
  /** One look after that much time; answers when the next one is due. */
  pass(after?: number): Promise<number>;
  /** Looks long enough after one another that whatever evidence there is counts. */
  settle(): Promise<void>;
  holds(owner: ContainerOwner): boolean;
  /** The task that looks by itself, and what wakes it. */
  readonly reconciler: Reconciler;
}

export function world(): World {
  const ledger = new Ledger();
  const troubles: string[] = [];
  const events: BusinessEvent[] = [];
  const leasing = new Leasing({
    ledger,
    effects: {
      persist: async (_cause, changes) =>
        void state.commits.push(
          changes.flatMap((change) =>
            change.op === "put" && change.record.kind === "lease" ? [change.record.lease.ip] : [],
          ),
        ),
      route: async (_cause, changes) => changes.map(() => undefined),
      reply: async (_cause, send) => send(),
      mirror: async () => "",
      unspool: (_cause, remove) => remove(),
    },
    clock: { now: () => state.now, boottime: () => 0 },
    bootId: BOOT,
    emit: (event) => events.push(event),
    committed: () => undefined,
    trouble: () => undefined,
  });
  const reconciler = createReconciler({
    leasing,
    evidence: {
      attachment: async (attachment) => state.look(attachment),
      scan: async (only, about) => {
        state.scans.push(only ?? "all");
        if (state.slowness > 0) await new Promise((done) => setTimeout(done, state.slowness));
        for (const address of about ?? []) state.asked.add(address);
        return state.seen;
      },
    },
    trouble: (_what, error) => troubles.push(error.message),
  });
  const state: World = {
    reconciler,
    ledger,
    now: START + PROVISIONAL_GRACE,
    look: () => "absent",
    seen: [],
    troubles,
    events,
    asked: new Set(),
    scans: [],
    slowness: 0,
    commits: [],
    pass(after = 0) {
      state.now += after;
      return reconciler.look();
    },
    async settle() {
      for (const after of [0, SECOND_LOOK, GONE_GRACE]) await state.pass(after);
    },
    holds: (owner) => ledger.heldBy(ownerKey(owner)).length > 0,
  };
  return state;
}

export function confirm(ledger: Ledger, owner: ContainerOwner): void {
  const key = ownerKey(owner);
  const sequences = ledger.heldBy(key).map((lease) => lease.sequence);
  commit(ledger, decideConfirm(ledger, { key, sequences }));
}
