// Deaths that take effect in the middle of things, and what a broker cannot do while it lives.

import type { EffectKind } from "#core/effects.ts";
import { concernsLease } from "#core/record.ts";
import type { Cause, Effects } from "#broker/effects.ts";
import { nameOf, sides } from "#test/crash/points.ts";

/** Where the broker dies, and what it cannot do; shared with the deaths and starts that follow. */
export class Fate {
  /** Die at the next effect of that name. */
  at: string | undefined;
  /** So many commits will be refused, as by a full disk. */
  refusingCommits = 0;
  /** Points at which brokers died. */
  readonly met = new Map<string, number>();
}

/** What the dead answer. */
export const never = <Result>(): Promise<Result> => new Promise<Result>(() => undefined);

interface Life {
  die(name: string): void;
  readonly isDead: () => boolean;
}

/** The interpreter's handlers with a death on either side of each; the dead have no effects any more. */
export function mortal(plain: Effects, fate: Fate, life: Life): Effects {
  async function around<Result>(
    kind: EffectKind,
    cause: Cause,
    effect: () => Promise<Result>,
  ): Promise<Result> {
    const pass = async (side: (typeof sides)[number]): Promise<void> => {
      const name = cause.map((verb) => nameOf({ side, kind, verb })).find((one) => one === fate.at);
      if (name !== undefined) life.die(name);
      if (life.isDead()) await never();
    };
    await pass("before");
    const result = await effect();
    await pass("after");
    return result;
  }
  return {
    persist: (cause, changes) => {
      if (!life.isDead() && fate.refusingCommits > 0) {
        fate.refusingCommits -= 1;
        return Promise.reject(new Error("ENOSPC: no space left on device"));
      }
      return changes.some(concernsLease)
        ? around("persist", cause, () => plain.persist(cause, changes))
        : life.isDead()
          ? never()
          : plain.persist(cause, changes);
    },
    route: (cause, changes) => around("route", cause, () => plain.route(cause, changes)),
    reply: (cause, send) => around("reply", cause, () => plain.reply(cause, send)),
    mirror: (cause, entries) => around("mirror", cause, () => plain.mirror(cause, entries)),
    unspool: (cause, remove) => around("unspool", cause, () => plain.unspool(cause, remove)),
  };
}
