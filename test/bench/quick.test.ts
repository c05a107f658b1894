// The benchmarks run: one of them, as small as it can be. What it measures is nobody's business here.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { run } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Result } from "#bench/result-file.ts";

const RUN = resolve(import.meta.dirname, "../../bench/run.ts");

test("a quick benchmark alternates its contestants and writes what it found", async () => {
  await using folder = await temporaryFolder();
  const quick = ["--quick", "--results", folder.path, "plugin"];
  const printed = await run([process.execPath, RUN, ...quick]);
  const result: Result = JSON.parse(await readFile(join(folder.path, "plugin.json"), "utf8"));
  expect(result).toMatchObject({ name: "plugin", quick: true, node: process.version });
  const calls = result.measurements.filter(({ unit }) => unit === "µs");
  const cases = ["1 at a time", "32 at a time"].flatMap((crowd) =>
    ["cocoon-ipam", "C forwarder", "host-local"].flatMap((contestant) =>
      ["ADD", "DEL"].map((verb) => {
        const count = crowd.startsWith("32") ? 8 : 4;
        return [`${verb}, 10 leases, ${crowd}`, contestant, [count, count]];
      }),
    ),
  );
  expect(
    calls.map((one) => [one.case, one.contestant, one.runs.map(({ count }) => count)]),
  ).toEqual(cases);
  expect(result.ratios.every(({ pairs }) => pairs.length === 2)).toBe(true);
  expect(printed).toContain("these figures mean nothing");
});

test("a benchmark that does not exist is refused by name", async () => {
  await expect(run([process.execPath, RUN, "speed"])).rejects.toThrow(
    "no benchmark is called speed: there are plugin flat pod restart memory broker dhcp renewals dnsmasq perfdhcp allocator",
  );
});
