// kill -9 on either side of every effect of every verb: afterwards ledger, kernel and what was told are one story.

import type { Verb } from "#core/effects.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "#test/netns/wait-for.ts";
import * as containers from "./container-scenarios.ts";
import { readStrays } from "./control.ts";
import * as guests from "./guest-scenarios.ts";
import { contradictions, unroutedPromises } from "./oracle.ts";
import { type CrashPoint, coverageTable, crashPoints, nameOf } from "./points.ts";
import type { Scenario, Scenarios } from "./scenario.ts";
import * as starts from "./start-scenarios.ts";
import { type World, makeWorld } from "./world.ts";

const scenarios: Scenarios = {
  ADD: containers.add,
  CONFIRM: containers.confirm,
  DEL: containers.release,
  CHECK: containers.checking,
  GC: containers.collecting,
  STATUS: containers.status,
  DISCOVER: guests.discover,
  REQUEST: guests.request,
  DECLINE: guests.decline,
  RELEASE: guests.dhcpRelease,
  INFORM: guests.inform,
  FORGET: containers.forgetting,
  SWEEP: guests.sweep,
  IMPORT: starts.importing,
  RECOVER: starts.recovering,
};
/** Only a release from the spool is unspooled. */
const scenarioOf = ({ verb, kind }: CrashPoint): Scenario =>
  kind === "unspool" ? containers.spooledRelease : scenarios[verb];

/** What their subjects hold was promised by others, before any broker of ours ran. */
const startVerbs: ReadonlySet<Verb> = new Set<Verb>(["IMPORT", "RECOVER"]);

/** Routes are put right after a start. */
const SETTLE_LIMIT_MS = 10_000;

let world: World;
const met = new Set<string>();

beforeAll(async () => {
  world = await makeWorld();
  // Two bystanders, who must be left alone by everything.
  await world.add("bystander");
  await guests.lease(world, guests.macOf("bystander 65000"));
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** A point that failed must not take the others with it. */
beforeEach(async () => {
  if (world.broker.ended() === undefined) return;
  world.arm(undefined);
  await world.broker.start();
});

describe("killed", () => {
  it.each(crashPoints().map((point, index) => ({ name: nameOf(point), point, index })))(
    "$name",
    async ({ name, point, index }) => {
      const scenario = scenarioOf(point);
      const subject = `subject-${index + 1}`;
      await scenario.prepare(world, subject);
      // A file that is right already is not written: what comes must differ from what stands there.
      if (point.kind === "mirror" && !startVerbs.has(point.verb)) await mirrorFollows();
      world.arm(name);
      await scenario.act(world, subject);
      await waitFor(() => world.lastWords() !== undefined, { what: `the broker to reach ${name}` });
      await waitFor(() => world.broker.ended() !== undefined, { what: "the broker's end" });
      expect(world.broker.ended()?.signal).toBe("SIGKILL");
      met.add(world.lastWords() ?? "");
      if (!startVerbs.has(point.verb)) expect(await unroutedPromises(world)).toEqual([]);
      world.arm(undefined);
      await world.broker.start();
      await agreed("after the restart");
      await scenario.repeat(world, subject);
      await agreed("after the repeated call");
      await scenario.clear(world, subject);
    },
  );
});

it("reached every point that the interpreter declares, and no others", () => {
  process.stdout.write(`${coverageTable(met)}\n`);
  expect([...met].toSorted()).toEqual(crashPoints().map(nameOf).toSorted());
  expect(readStrays(world.controlFolder), "effects outside the table").toEqual([]);
});

it("ends with a mirror that says what the ledger says", () => mirrorFollows());

async function mirrorFollows(): Promise<void> {
  await waitFor(
    async () => {
      const rows = await world.readMirror();
      const held = [...world.book.entries()].filter(([, { state }]) => state === "held");
      return (
        rows.length === held.length && held.every(([, { ip }]) => rows.some((row) => row.ip === ip))
      );
    },
    { what: "leases.json to follow the ledger" },
  );
}

async function agreed(when: string): Promise<void> {
  let found: readonly string[] = [];
  await waitFor(async () => (found = await contradictions(world)).length === 0, {
    limit: SETTLE_LIMIT_MS,
    what: "agreement",
  }).catch(() => undefined);
  expect(found, `${when}\n${world.broker.logs().slice(-2_000)}`).toEqual([]);
}
