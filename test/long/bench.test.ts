// Every benchmark runs to its end and writes what it found, and so does the comparison of two builds. No figure is judged.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { run, start } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Result } from "#bench/result-file.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const RUN = join(ROOT, "bench/run.ts");
const COMPARE = join(ROOT, "bench/compare.ts");
const LIMIT_MS = 600_000;

const contestants: Readonly<Record<string, readonly string[]>> = {
  plugin: ["cocoon-ipam", "C forwarder", "host-local"],
  flat: ["cocoon-ipam", "C forwarder"],
  pod: ["cocoon-ipam", "host-local", "dhcp", "no IPAM"],
  restart: ["broker"],
  memory: ["broker"],
  broker: ["sync", "relaxed", "broker"],
  dhcp: ["cocoon-net", "Kea", "cocoon-net, relaxed"],
  renewals: ["cocoon-net", "Kea"],
  dnsmasq: ["dnsmasq"],
  perfdhcp: [],
  allocator: ["2^8", "2^12", "containers", "guests"],
};

test("each of them is tried here", async () => {
  const { code, stderr } = await start([process.execPath, RUN, "no-such"]).exited;
  expect(code).not.toBe(0);
  const [, names] = /there are ([a-z ]+)/.exec(stderr) ?? expect.fail(stderr);
  expect(names?.trim().split(" ").toSorted()).toEqual(Object.keys(contestants).toSorted());
});

test.each(Object.entries(contestants))("%s", async (name, expected) => {
  await using folder = await temporaryFolder();
  const quick = ["--quick", "--results", folder.path, name];
  await run([process.execPath, RUN, ...quick], { limit: LIMIT_MS });
  const result: Result = JSON.parse(await readFile(join(folder.path, `${name}.json`), "utf8"));
  expect(result).toMatchObject({ name, quick: true });
  const found = new Set(result.measurements.map(({ contestant }) => contestant));
  expect([...found].toSorted()).toEqual(expected.toSorted());
});

test("a build is compared with itself", async () => {
  const compare = [process.execPath, COMPARE, "--quick", "--built", ROOT];
  const printed = await run(compare, { limit: LIMIT_MS });
  expect(printed).toContain("READY=1");
  expect(printed).toContain("refused");
});
