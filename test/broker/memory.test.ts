// Memory is given back when the broker is idle and it is worth a pause, and only then.

import { expect, test } from "vitest";
import { createMemoryKeeper } from "#broker/memory.ts";

const MIB = 1_024 * 1_024;

interface Look {
  readonly busy: number;
  /** Held beyond live objects, in MiB. */
  readonly held: number;
}

/** Answers for each look whether it collected; a collection leaves 80 MiB. */
async function collections(looks: readonly Look[]): Promise<boolean[]> {
  const controller = new AbortController();
  const collected: boolean[] = [];
  let held = 0;
  const keeper = createMemoryKeeper({
    period: 1,
    usage: () => ({ rss: (held + 10) * MIB, heapUsed: 10 * MIB }),
    collect() {
      collected[collected.length - 1] = true;
      held = 80;
    },
    busy() {
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

test("it collects when idle: once after the start, then when much more is held than it left", async () => {
  const looks: readonly (readonly [busy: number, held: number, collects: boolean])[] = [
    [0.5, 200, false],
    [0.01, 200, true],
    [0.01, 80, false],
    [0.01, 95, false],
    [0.5, 140, false],
    [0.01, 140, true],
    [0.01, 90, false],
  ];
  const found = await collections(looks.map(([busy, held]) => ({ busy, held })));
  expect(found).toEqual(looks.map(([, , collects]) => collects));
});
