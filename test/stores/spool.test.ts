// The spool folder stays small and readable, whatever is put into it.

import {
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { REJECTED_LIMIT, TEMPORARY_AGE, openSpool } from "#broker/stores/spool.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

test("what can be no release is told apart from what cannot be read now, and never waited for", async () => {
  await using folder = await temporaryFolder();
  const spool = openSpool(folder.path);
  const path = (name: string) => join(folder.path, name);
  writeFileSync(path("large.json"), "");
  truncateSync(path("large.json"), 1_048_577);
  mkdirSync(path("folder.json"));
  execFileSync("mkfifo", [path("pipe.json")]);
  symlinkSync("/etc/passwd", path("link.json"));
  writeFileSync(path("good.json"), "{}");
  expect(await spool.list()).toHaveLength(5);
  for (const name of ["large.json", "folder.json", "pipe.json"])
    await expect(spool.read(name)).rejects.toMatchObject({ code: "invalid-request" });
  await expect(spool.read("link.json")).rejects.toThrow("ELOOP");
  expect(await spool.read("good.json")).toBe("{}");
  expect(await spool.read("gone.json")).toBeUndefined();
});

test("of what was set aside the newest are kept, and unfinished files that nobody writes any more go", async () => {
  await using folder = await temporaryFolder();
  const spool = openSpool(folder.path);
  const names = Array.from(
    { length: REJECTED_LIMIT + 9 },
    (_, index) => `${String(index).padStart(20, "0")}-1-a.json`,
  );
  for (const name of names) {
    writeFileSync(join(folder.path, name), "nonsense");
    await spool.setAside(name);
  }
  for (const [name, age] of [
    ["old.tmp", TEMPORARY_AGE + 60_000],
    ["new.tmp", 0],
  ] as const) {
    const path = join(folder.path, name);
    writeFileSync(path, "half");
    const written = (Date.now() - age) / 1_000;
    utimesSync(path, written, written);
  }
  await spool.tidy();
  const kept = names.slice(9).map((name) => `${name}.rejected`);
  expect(readdirSync(folder.path).toSorted()).toEqual([...kept, "new.tmp"]);
});
