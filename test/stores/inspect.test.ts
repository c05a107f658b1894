// Looking at a stopped broker's ledger tells what it holds and what is wrong with it, and changes no byte of it.

import { readFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { putLease } from "#core/record.ts";
import { inspectLmdb } from "#broker/stores/lmdb-inspect.ts";
import { type Durability } from "#broker/stores/lmdb-environment.ts";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { leaseOf } from "#test/contract/ledger-store.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

async function filled(path: string, durability: Durability = "sync"): Promise<void> {
  await using store = await openLmdb({ path, durability });
  await store.load();
  for (let last = 1; last < 200; last++) await store.commit([putLease(leaseOf(`10.77.0.${last}`))]);
}

/** Every file of the folder, by name. */
const contents = (path: string) =>
  new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name), "base64")]));

test.each(["sync", "relaxed"] as const)("a sound ledger, last open as %s", async (durability) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ledger");
  await filled(path, durability);
  const before = contents(path);
  const { condition, records } = inspectLmdb(path);
  expect({ condition, count: records.length }).toEqual({ condition: "sound", count: 199 });
  expect(contents(path)).toEqual(before);
});

test("one that is not there is not made", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ledger");
  expect(inspectLmdb(path)).toMatchObject({ condition: "missing", records: [] });
  expect(readdirSync(folder.path)).toEqual([]);
});

test.each([
  ["cut off", (file: string) => truncateSync(file, 12_000)],
  ["overwritten", (file: string) => writeFileSync(file, "nonsense".repeat(9_000))],
])("one that was %s is told, and left for the broker to put aside", async (_how, spoil) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ledger");
  await filled(path);
  spoil(join(path, "data.mdb"));
  const before = contents(path);
  const { condition, detail } = inspectLmdb(path);
  expect(condition).toBe("damaged");
  expect(detail).not.toBe("");
  expect(contents(path)).toEqual(before);
  expect(readdirSync(folder.path).toSorted()).toEqual(["ledger"]);
});
