// Every benchmark runs to its end and writes what it found, and so does the comparison of two builds. No figure is judged.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { run } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Result } from "#bench/result-file.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const RUN = join(ROOT, "bench/run.ts");
const COMPARE = join(ROOT, "bench/compare.ts");
const LIMIT_MS = 600_000;

test.each([
  ["plugin", ["cocoon-ipam", "C forwarder", "host-local"]],
  ["pod", ["cocoon-ipam", "host-local", "dhcp", "no IPAM"]],
  ["restart", ["broker"]],
  ["memory", ["broker"]],
  ["broker", ["sync", "relaxed", "broker"]],
  ["dhcp", ["cocoon-net", "Kea", "cocoon-net, relaxed", "dnsmasq"]],
  ["perfdhcp", []],
  ["allocator", ["2^8", "2^12", "containers", "guests"]],
])("%s", async (name, contestants) => {
  await using folder = await temporaryFolder();
  const quick = ["--quick", "--results", folder.path, name];
  await run([process.execPath, RUN, ...quick], { limit: LIMIT_MS });
  const result: Result = JSON.parse(await readFile(join(folder.path, `${name}.json`), "utf8"));
  expect(result).toMatchObject({ name, quick: true });
  const found = new Set(result.measurements.map(({ contestant }) => contestant));
  expect([...found].toSorted()).toEqual(contestants.toSorted());
});

test("a build is compared with itself", async () => {
  const compare = [process.execPath, COMPARE, "--quick", "--built", ROOT];
  const printed = await run(compare, { limit: LIMIT_MS });
  expect(printed).toContain("READY=1");
  expect(printed).toContain("refused");
});
