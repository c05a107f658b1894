// When the socket waits a moment for more datagrams: while many come, and never while few do or a turn finds enough.

import { expect, test } from "vitest";
import { ENOUGH, GATHERING_TIME, Gathering, MANY } from "#broker/linux/packet-gathering.ts";

/** Turns of the loop `gap` milliseconds apart, each with so many datagrams; how many of the last hundred slept. */
function slept({
  gap,
  datagrams,
  turns = 1_000,
}: Record<"gap" | "datagrams", number> & { turns?: number }): number {
  let now = 0;
  let sleeps = 0;
  const sleep = (time: number) => {
    expect(time).toBe(GATHERING_TIME);
    sleeps += 1;
  };
  const gathering = new Gathering({ now: () => now, sleep });
  for (let turn = 0; turn < turns; turn++) {
    if (turn === turns - 100) sleeps = 0;
    gathering.begin();
    for (let count = 0; count < datagrams; count++) gathering.count();
    now += gap;
  }
  return sleeps;
}

test.each([
  { what: "a guest now and then", gap: 100, datagrams: 1, sleeps: 0 },
  { what: "a few hundred a second", gap: 2, datagrams: 1, sleeps: 0 },
  { what: "just as many as are not yet many", gap: 1, datagrams: MANY, sleeps: 0 },
  { what: "two a millisecond, one at a time", gap: 0.5, datagrams: 1, sleeps: 100 },
  { what: "four a millisecond", gap: 1, datagrams: 4, sleeps: 100 },
  { what: "many in turns that find all but enough", gap: 1, datagrams: ENOUGH - 1, sleeps: 100 },
  { what: "many in turns that find enough", gap: 1, datagrams: ENOUGH, sleeps: 0 },
  { what: "a full socket behind each long turn", gap: 20, datagrams: 256, sleeps: 0 },
])("$what: $sleeps of a hundred turns sleep", ({ gap, datagrams, sleeps }) => {
  expect(slept({ gap, datagrams })).toBe(sleeps);
});

test("a lone burst is answered without a pause", () => {
  expect(slept({ gap: 0.2, datagrams: 1, turns: 4 })).toBe(0);
});

test("when the many are over, the next guest is answered at once", () => {
  let now = 0;
  let sleeps = 0;
  const gathering = new Gathering({ now: () => now, sleep: () => (sleeps += 1) });
  for (let turn = 0; turn < 1_000; turn++) {
    gathering.begin();
    gathering.count();
    gathering.count();
    now += 0.5;
  }
  expect(sleeps).toBeGreaterThan(0);
  sleeps = 0;
  now += 1_000;
  gathering.begin();
  expect(sleeps).toBe(0);
});

test("two datagrams at the same moment count, and nothing is divided by nothing", () => {
  let sleeps = 0;
  const gathering = new Gathering({ now: () => 7, sleep: () => (sleeps += 1) });
  for (let turn = 0; turn < 10_000; turn++) {
    gathering.begin();
    gathering.count();
  }
  expect(sleeps).toBeGreaterThan(0);
});
