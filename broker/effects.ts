// The interpreter's table: one handler for each kind of effect, so that every effect passes through one place.

import type { EffectKind, RouteChange, Verb } from "#core/effects.ts";
import type { LedgerStore, Mirror, MirrorEntry, RouteTable } from "#core/ports.ts";
import type { Change } from "#core/record.ts";

/** Why an effect happens: the verbs of all commands that share it (group commit). */
export type Cause = readonly Verb[];

/** The keys are exactly {@link EffectKind}: adding a kind without a handler does not compile. */
export interface Effects {
  /** Makes the changes durable, all or none. */
  persist(cause: Cause, changes: readonly Change[]): Promise<void>;
  /** Answers for each change, in order, `undefined` or what failed. */
  route(cause: Cause, changes: readonly RouteChange[]): Promise<readonly (Error | undefined)[]>;
  /** Hands an answer to whoever waits for it. */
  reply(cause: Cause, send: () => void | Promise<void>): Promise<void>;
  /** Writes leases.json; answers with its digest. */
  mirror(cause: Cause, entries: readonly MirrorEntry[]): Promise<string>;
  /** Removes a spooled release after it is durable. */
  unspool(cause: Cause, remove: () => Promise<void>): Promise<void>;
}
type Complete = [EffectKind] extends [keyof Effects]
  ? [keyof Effects] extends [EffectKind]
    ? true
    : never
  : never;
const complete: Complete = true;

export function createEffects(ports: {
  store: LedgerStore;
  routes: RouteTable;
  mirror: Mirror;
}): Effects {
  void complete;
  return {
    persist: (_cause, changes) => ports.store.commit(changes),
    route: (_cause, changes) => ports.routes.apply(changes),
    reply: async (_cause, send) => send(),
    mirror: (_cause, entries) => ports.mirror.write(entries),
    unspool: (_cause, remove) => remove(),
  };
}
