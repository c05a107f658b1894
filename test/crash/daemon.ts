// The real broker, composed as it ships, that kills itself on either side of one effect when it is told to.

import { kill, pid } from "node:process";
import { systemClock } from "#broker/linux/system-clock.ts";
import type { Cause, Effects } from "#broker/effects.ts";
import { loadConfig } from "#broker/config.ts";
import { runDaemon } from "#broker/main.ts";
import { type EffectKind, effectsOf } from "#core/effects.ts";
import { concernsLease } from "#core/record.ts";
import type { Clock } from "#core/ports.ts";
import { CONTROL_VARIABLE, noteStray, readControl, sayLastWords } from "./control.ts";
import { type CrashPoint, nameOf } from "./points.ts";

const folder = process.env[CONTROL_VARIABLE] ?? "";

const clock: Clock = {
  now() {
    const { ahead, step = 0 } = readControl(folder);
    return systemClock.now() + ahead + step;
  },
  boottime: () => systemClock.boottime() + readControl(folder).ahead,
};

function decorate(plain: Effects): Effects {
  return {
    // Commits without a lease in them, as the mirror's own note of its digest, are no effect of the verb that is meant.
    persist: (cause, changes) =>
      changes.some(concernsLease)
        ? around("persist", cause, () => plain.persist(cause, changes))
        : plain.persist(cause, changes),
    route: (cause, changes) => around("route", cause, () => plain.route(cause, changes)),
    reply: (cause, send) => around("reply", cause, () => plain.reply(cause, send)),
    mirror: (cause, entries) => around("mirror", cause, () => plain.mirror(cause, entries)),
    unspool: (cause, remove) => around("unspool", cause, () => plain.unspool(cause, remove)),
  };
}

async function around<Result>(
  kind: EffectKind,
  cause: Cause,
  effect: () => Promise<Result>,
): Promise<Result> {
  for (const verb of cause)
    if (!effectsOf[verb].includes(kind)) noteStray(folder, `${kind} ${verb}`);
  dieAt("before", kind, cause);
  const result = await effect();
  dieAt("after", kind, cause);
  return result;
}

function dieAt(side: CrashPoint["side"], kind: EffectKind, cause: Cause): void {
  const { point } = readControl(folder);
  if (point === undefined) return;
  if (!cause.some((verb) => nameOf({ side, kind, verb }) === point)) return;
  sayLastWords(folder, point);
  kill(pid, "SIGKILL");
}

await runDaemon(loadConfig(), { decorate, clock });
