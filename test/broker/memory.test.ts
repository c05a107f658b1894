// Memory is given back when the broker is idle and it is worth a pause, and only then.

import { expect, test } from "vitest";
import { createMemoryKeeper } from "#broker/memory.ts";

const MIB = 1_024 * 1_024;

interface Look {
  readonly busy: number;
  /** In MiB. */
  readonly held: number;
}

/** Answers for each look whether it collected; a collection leaves 80 MiB. */
async function collections(looks: readonly Look[]): Promise<boolean[]> {
  const controller = new AbortController();
  const collected: boolean[] = [];
  let held = 0;
  let collecting = false;
  const keeper = createMemoryKeeper({
    period: 1,
    held: () => held * MIB,
    collect() {
      collected[collected.length - 1] = true;
      held = 80;
      collecting = true;
    },
    busy() {
      // A collection keeps the loop busy, until it is asked after.
      if (collecting) {
        collecting = false;
        return 1;
      }
      const look = looks[collected.length];
      if (look === undefined) {
        controller.abort();
        return 1;
      }
      collected.push(false);
      held = look.held;
      return look.busy;
    },
  });
  await keeper.run(controller.signal);
  return collected;
}

type Row = readonly [busy: number, held: number, collects: boolean];

test.each<readonly [what: string, looks: readonly Row[]]>([
  [
    "never while it is busy",
    [
      [0.5, 200, false],
      [0.5, 200, false],
      [0.5, 200, false],
    ],
  ],
  [
    "once after the start",
    [
      [0.05, 200, true],
      [0.05, 80, false],
      [0.05, 80, false],
    ],
  ],
  [
    "much when it is idle",
    [
      [0.05, 200, true],
      [0.5, 140, false],
      [0.05, 140, true],
    ],
  ],
  [
    "much more than the least it held",
    [
      [0.05, 200, true],
      [0.05, 60, false],
      [0.05, 77, true],
    ],
  ],
  [
    "less only when nobody called",
    [
      [0.05, 200, true],
      [0.05, 95, false],
      [0.05, 95, false],
    ],
  ],
  [
    "once when nobody calls any more, whatever it holds",
    [
      [0.05, 200, true],
      [0.5, 80, false],
      [0.001, 80, false],
      [0.001, 80, true],
      [0.001, 80, false],
      [0.001, 80, false],
    ],
  ],
  [
    "not when somebody called between",
    [
      [0.05, 200, true],
      [0.001, 80, false],
      [0.05, 80, false],
      [0.001, 80, false],
    ],
  ],
  [
    "nothing where nothing was done",
    [
      [0.05, 200, true],
      [0.001, 95, false],
      [0.001, 95, false],
      [0.001, 95, false],
    ],
  ],
])("it collects: %s", async (_, looks) => {
  const found = await collections(looks.map(([busy, held]) => ({ busy, held })));
  expect(found).toEqual(looks.map(([, , collects]) => collects));
});
