// What a scenario is: one verb, brought about from outside by the real means, cut short, and made again.

import type { Verb } from "#core/effects.ts";
import type { World } from "./world.ts";

export interface Scenario {
  /** Brings about what the verb needs, before the broker is told where to die. `name` is fresh each time. */
  readonly prepare: (world: World, name: string) => Promise<void>;
  /** Starts the verb; the broker may die at any moment of it. What it was told goes into the book. */
  readonly act: (world: World, name: string) => Promise<void>;
  /** The same call again, on a broker that lives: it must succeed, and keep every promise made before. */
  readonly repeat: (world: World, name: string) => Promise<void>;
  /** Gives back what the scenario took. */
  readonly clear: (world: World, name: string) => Promise<void>;
}

/** One row for each verb: a verb without one does not compile. */
export type Scenarios = Readonly<Record<Verb, Scenario>>;

export const nothing = async (): Promise<void> => undefined;
