// The lock of a state folder: one holder, also while another one is just ending and takes the file with it.

import { rmSync } from "node:fs";
import type * as FileSystem from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { takeInstanceLock } from "#broker/linux/instance-lock.ts";

/** What happens right after the lock file was opened, and before it is locked. */
const { between } = vi.hoisted(() => ({ between: [] as (() => void)[] }));
vi.mock("node:fs", async (original) => {
  const real = await original<typeof FileSystem>();
  const openSync = (...given: Parameters<typeof real.openSync>): number => {
    const file = real.openSync(...given);
    between.shift()?.();
    return file;
  };
  return { ...real, openSync };
});

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cocoon-lock-"));
  path = join(folder, "provisioning.lock");
});
afterEach(async () => {
  between.length = 0;
  await rm(folder, { recursive: true });
});

test("a second holder is refused with the first one's process, and served when that has ended", async () => {
  const first = takeInstanceLock(path);
  expect(() => takeInstanceLock(path)).toThrow(`process ${process.pid}) holds ${path}`);
  first[Symbol.dispose]();
  using _second = takeInstanceLock(path);
  expect(await readFile(path, "utf8")).toBe(`${process.pid}\n`);
});

test("a file that its last holder took away after it was opened keeps nobody out: the next file is locked", () => {
  between.push(() => rmSync(path));
  using _held = takeInstanceLock(path);
  expect(() => takeInstanceLock(path)).toThrow("another broker");
});

test("a file that another one has made and locked meanwhile is that one's", () => {
  const others: Disposable[] = [];
  between.push(() => {
    rmSync(path);
    others.push(takeInstanceLock(path));
  });
  expect(() => takeInstanceLock(path)).toThrow(`process ${process.pid}) holds ${path}`);
  for (const other of others) other[Symbol.dispose]();
});

test("a file that is taken away again and again ends the tries", () => {
  between.push(...Array.from({ length: 100 }, () => () => rmSync(path)));
  expect(() => takeInstanceLock(path)).toThrow("again and again");
});
