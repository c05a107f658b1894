// kill -9 of a command at one call to its cloud: held before or after it is applied, then the process is gone.
import { expect } from "vitest";
import { waitFor } from "#test/netns/wait-for.ts";
import { readPool } from "./answers.ts";
import type { CloudCall } from "./fake-cloud.ts";
import type { World } from "./world.ts";

export type Command = "init" | "teardown";
/** What is done after the kill: `finish` runs init again, `undo` runs teardown. */
export type Mending = "finish" | "undo";

export type KillPoint = {
  readonly command: Command;
  /** The call by its name, and which of them, from 1. */
  readonly action: string;
  readonly nth: number;
  readonly when: "before" | "after";
  readonly mending: Mending;
};

/** Longer than a run that first waits for what the killed one may have made. */
const RUN_LIMIT_MS = 120_000;

/** Each call of an undisturbed init and teardown, changes before and after they are applied; both mendings take turns. */
export async function killPoints(open: () => Promise<World>): Promise<readonly KillPoint[]> {
  await using world = await open();
  const points: KillPoint[] = [];
  for (const command of ["init", "teardown"] as const) {
    await world.fake.forgetCalls();
    await run(world, command);
    const counts = new Map<string, number>();
    for (const { action, mutating } of (await world.fake.calls()).filter(isOfApi)) {
      const nth = (counts.get(action) ?? 0) + 1;
      counts.set(action, nth);
      const turn = points.length % 2 === 0;
      const point = { command, action, nth, mending: turn ? "finish" : "undo" } as const;
      points.push({ ...point, when: "before" });
      // To a call that only reads, after is as before.
      if (mutating) points.push({ ...point, when: "after", mending: turn ? "undo" : "finish" });
    }
  }
  return points;
}

const isOfApi = ({ action }: CloudCall): boolean => !action.startsWith("metadata.");

export const nameOf = ({ command, action, nth, when, mending }: KillPoint): string =>
  `${command} killed ${when} ${action} number ${nth}, then ${mending === "finish" ? "init" : "teardown"}`;

/** Kills the command at the point, mends, and holds what is there against what must be. */
export async function killAndMend(world: World, point: KillPoint): Promise<void> {
  if (point.command === "teardown") await run(world, "init");
  await killAt(world, point);
  if (point.mending === "finish") await finish(world);
  await run(world, "teardown");
  expect(await world.leftovers()).toEqual([]);
  expect(await world.fake.unexpected()).toEqual([]);
  world.check();
}

/** The process is gone when this resolves, and the call is as the point says. */
export async function killAt(
  { node, fake, init }: World,
  { command, action, nth, when }: Omit<KillPoint, "mending">,
): Promise<void> {
  await fake.fail({ call: action, nth, kind: when === "before" ? "hang" : "hang-after" });
  const running = node.startCocoonNet(...(command === "init" ? init : ["teardown"]));
  await waitFor(async () => (await fake.pendingFaults()).length === 0 || hasEnded(running), {
    what: `${action} number ${nth} of ${command}`,
    limit: RUN_LIMIT_MS,
  });
  running.kill("SIGKILL");
  const { signal, code, stderr } = await running.exited;
  expect({ signal, code }, stderr).toEqual({ signal: "SIGKILL", code: null });
}

const hasEnded = (running: ReturnType<World["node"]["startCocoonNet"]>): boolean =>
  running.exit() !== undefined;

/** A teardown that had begun is ended first: init says so, and leaves everything as it is. */
async function finish(world: World): Promise<void> {
  const again = await world.node.tryCocoonNet(...world.init);
  if (again.code !== 0) {
    expect(again.stderr).toMatch(/a teardown of this node was cut off/);
    await run(world, "teardown");
    await run(world, "init");
  }
  const pool = await readPool(world.node);
  expect(pool.provisioning.state).toBe("complete");
  expect(pool.ips).toHaveLength(world.poolSize);
}

async function run({ node, init }: World, command: Command): Promise<void> {
  const output = await node.tryCocoonNet(...(command === "init" ? init : ["teardown"]));
  expect(output.code, output.stdout + output.stderr).toBe(0);
}
