// What an action gets to work with, and how a row of the table of actions looks.

import type { Tag, TagFilter } from "./parameters.ts";
import type { ParameterTable, Parameters } from "./parameters.ts";
import type { Eni, EniView, Region } from "./region.ts";
import type { Settings } from "./scenario.ts";
import { Countdown, type Lag } from "./lag.ts";
import { VolcengineError } from "./errors.ts";

/** What the machine around the cloud has to follow: the interface is there from now on, or gone. */
export interface VolcengineChange {
  readonly kind: "attach" | "detach";
  readonly region: string;
  readonly eni: string;
  /** Lower case. */
  readonly mac: string;
  readonly instance: string;
  readonly primaryIp: string;
  readonly secondaryIps: readonly string[];
  readonly subnetId: string;
}

export interface Call {
  readonly region: Region;
  readonly account: string;
  readonly parameters: Parameters;
  readonly settings: Settings;
  /** Milliseconds of the fake's clock. */
  readonly now: number;
  /** A fresh id, for example `eni-` and 16 characters. */
  readonly newId: (prefix: string) => string;
  readonly newMac: () => string;
  readonly emit: (change: VolcengineChange) => void;
}

export interface Action {
  readonly service: "vpc" | "ecs";
  readonly mutating: boolean;
  /** Without ClientToken, which {@link Action.replays} adds. */
  readonly parameters: ParameterTable;
  /** Takes a ClientToken. */
  readonly replays?: true;
  readonly serve: (call: Call) => object;
}

export const lagFrom = (call: Call, lag: Lag): Countdown => new Countdown(lag, call.now);

export const iso = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");

/** Changes an interface; Describe shows what was before for a while. */
export function changeEni(call: Call, eni: Eni, change: Partial<EniView>): void {
  eni.stale = { view: eni.stale?.view ?? eni.view, countdown: lagFrom(call, call.settings.stale) };
  eni.view = { ...eni.view, ...change, updatedAt: iso(call.now) };
}

/** The interface if the account may see it; a look at it when it cannot be seen yet. */
export function findEni(call: Call, id: string): Eni {
  const eni = call.region.enis.get(id);
  if (eni === undefined || eni.view.account !== call.account || eni.hidden?.look(call.now) === true)
    throw new VolcengineError(
      "InvalidEniId.NotFound",
      `The specified NetworkInterfaceId ${id} does not exist.`,
    );
  return eni;
}

/** Any of the filters that does not hold excludes: AND over keys, OR over the values of one. */
export const matchesTags = (tags: readonly Tag[], filters: readonly TagFilter[]): boolean =>
  filters.every(({ key, values }) =>
    tags.some(({ Key, Value }) => Key === key && (values.length === 0 || values.includes(Value))),
  );

/** A list as this cloud answers it. */
export const listOf = <Entry>(call: Call, entries: readonly Entry[]): readonly Entry[] | null =>
  entries.length === 0 && call.settings.emptyListIsNull ? null : entries;

/** At most 20 tags, each key once. */
export function checkTags(tags: readonly Tag[]): readonly Tag[] {
  if (tags.length > 20 || new Set(tags.map(({ Key }) => Key)).size !== tags.length)
    throw new VolcengineError("InvalidParameter", "Tags are at most 20, each key once.");
  return tags;
}
