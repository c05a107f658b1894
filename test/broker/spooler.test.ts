// Before anything is served every spooled release is made, however many lie there and whatever lies among them.

import { expect, test } from "vitest";
import { READ_ATTEMPTS, createSpooler } from "#broker/spooler.ts";

/** A folder that shows a few files at a time, as the real one does. */
function folder(files: Map<string, string>, shown: number) {
  return {
    list: async () => [...files.keys()].toSorted().slice(0, shown),
    read: async (name: string) => {
      if (files.get(name) === "unreadable") throw new Error("EIO");
      return files.get(name);
    },
    remove: async (name: string) => void files.delete(name),
    setAside: async (name: string) => void files.delete(name),
    tidy: async () => undefined,
    watch: () => ({ [Symbol.dispose]: () => undefined }),
  };
}

function spooler(files: Map<string, string>, shown: number, fails: (body: unknown) => boolean) {
  const made: unknown[] = [];
  const troubles: string[] = [];
  const task = createSpooler({
    period: 0,
    spool: folder(files, shown),
    effects: {
      persist: async () => undefined,
      route: async () => [],
      reply: async () => undefined,
      mirror: async () => "",
      unspool: (_cause, remove) => remove(),
    },
    release: async (body) => {
      if (fails(body)) throw new Error("the disk is full");
      made.push(body);
      return typeof body === "number";
    },
    depth: () => undefined,
    trouble: (what) => troubles.push(what),
  });
  return { task, made, troubles };
}

test("more files than one look shows are all worked through", async () => {
  const files = new Map(Array.from({ length: 10 }, (_, index) => [`${index}.json`, `${index}`]));
  const { task, made } = spooler(files, 3, () => false);
  expect(await task.drain()).toBe(10);
  expect(made).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(files.size).toBe(0);
});

test("what is no release is set aside and what fails stays, without holding the others up", async () => {
  const files = new Map([
    ["0.json", "0"],
    ["1.json", "no release"],
    ["2.json", "2"],
    ["3.json", "3"],
  ]);
  const { task, troubles } = spooler(files, 3, (body) => body === 0);
  expect(await task.drain()).toBe(2);
  expect([...files.keys()]).toEqual(["0.json"]);
  expect(troubles).toContain("spooled release 1.json");
});

test("a file that cannot be read is tried again, and set aside in the end", async () => {
  const files = new Map([
    ["0.json", "unreadable"],
    ["1.json", "1"],
  ]);
  const { task, made, troubles } = spooler(files, 3, () => false);
  await task.drain();
  expect(made).toEqual([1]);
  expect([...files.keys()]).toEqual(["0.json"]);
  for (let look = 1; look < READ_ATTEMPTS; look++) await task.drain();
  expect(files.size).toBe(0);
  expect(troubles.length).toBe(READ_ATTEMPTS);
});

test("files that are no releases do not hide those behind them before the broker serves", async () => {
  const files = new Map(
    Array.from({ length: 7 }, (_, index) => [`${index}.json`, index < 6 ? "no release" : "7"]),
  );
  const { task, made } = spooler(files, 3, () => false);
  expect(await task.drain()).toBe(1);
  expect(made).toEqual([7]);
});
