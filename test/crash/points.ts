// Every place at which the broker can be stopped: before and after each effect of each verb, out of the interpreter's own tables.

import { type EffectKind, type Verb, effectKinds, effectsOf } from "#core/effects.ts";

export const sides = ["before", "after"] as const;

export interface CrashPoint {
  readonly side: (typeof sides)[number];
  readonly kind: EffectKind;
  readonly verb: Verb;
}

/** `before persist ADD` and the like. */
export const nameOf = ({ side, kind, verb }: CrashPoint): string => `${side} ${kind} ${verb}`;

export const verbs = Object.keys(effectsOf) as readonly Verb[];

/** All of them, verb by verb, in the order in which a command meets them. */
export function crashPoints(): readonly CrashPoint[] {
  return verbs.flatMap((verb) =>
    effectKinds
      .filter((kind) => effectsOf[verb].includes(kind))
      .flatMap((kind) => sides.map((side) => ({ side, kind, verb }))),
  );
}

/** One row a verb, one column an effect; a cell tells which sides were met. */
export function coverageTable(met: ReadonlySet<string>): string {
  const width = 8;
  const head = ["verb", ...effectKinds].map((word) => word.padEnd(width)).join(" ");
  const rows = verbs.map((verb) => {
    const cells = effectKinds.map((kind) => {
      if (!effectsOf[verb].includes(kind)) return "-";
      return sides.map((side) => (met.has(nameOf({ side, kind, verb })) ? side[0] : "!")).join("/");
    });
    return [verb, ...cells].map((cell) => cell.padEnd(width)).join(" ");
  });
  return [head, ...rows, "b: killed before, a: killed after, !: never met, -: no such effect"].join(
    "\n",
  );
}
