// Files whose names come from a conf: whatever is there, it is read within the limit or refused, and nothing waits.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readText } from "#broker/text-file.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

const LIMIT = 100;

test("a file of at most so many bytes is read", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "resolv.conf");
  writeFileSync(path, "nameserver 192.0.2.1\n");
  expect(await readText(path, LIMIT)).toBe("nameserver 192.0.2.1\n");
  writeFileSync(path, "é".repeat(LIMIT / 2));
  expect(await readText(path, LIMIT)).toBe("é".repeat(LIMIT / 2));
});

test("what is longer, though it says that it is empty, is refused", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "long");
  writeFileSync(path, "x".repeat(LIMIT + 1));
  await expect(readText(path, LIMIT)).rejects.toThrow(`more than ${LIMIT}`);
  await expect(readText("/proc/cpuinfo", LIMIT)).rejects.toThrow(`more than ${LIMIT}`);
});

test("a folder, a pipe that nobody writes to and an endless device are refused", async () => {
  await using folder = await temporaryFolder();
  const pipe = join(folder.path, "pipe");
  execFileSync("mkfifo", [pipe]);
  for (const path of [folder.path, pipe, "/dev/zero"])
    await expect(readText(path, LIMIT)).rejects.toThrow(`${path} is not a regular file`);
});
