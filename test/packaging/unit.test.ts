// The unit file: systemd accepts it, finds it tight enough, and each of its directives is accounted for by the sandbox tests.

import { readFileSync } from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { ENFORCED, NOT_ENFORCED } from "./confinement.ts";
import { allowedCalls, callSets } from "./call-sets.ts";
import { parseUnit } from "./unit-file.ts";

const UNIT = resolve(import.meta.dirname, "../../packaging/cocoon-net.service");
/**
 * systemd's exposure times ten (0 best, 100 worst); from 50 it says MEDIUM. What is left is what the broker is for: the
 * host's network, NET_ADMIN, NET_RAW, sysctls, executable memory for V8, root.
 */
const MOST_EXPOSURE = 35;
const service = parseUnit(readFileSync(UNIT, "utf8")).get("Service") ?? new Map<string, string[]>();
const one = (key: string): string | undefined => service.get(key)?.at(-1);

describe("cocoon-net.service", () => {
  test("is accepted by systemd-analyze verify, and a misspelt directive would not be", async () => {
    await using folder = await temporaryFolder();
    const unit = join(folder.path, "cocoon-net.service");
    // The command is not installed on the machine that tests.
    const text = (await readFile(UNIT, "utf8")).replace("/usr/local/bin/cocoon-net", "/bin/true");
    await writeFile(unit, text);
    expect(await verify(unit)).toBe("");
    await writeFile(unit, text.replace("NoNewPrivileges", "NoMorePrivileges"));
    expect(await verify(unit)).toContain("NoMorePrivileges");
  });

  test(`has an exposure of at most ${MOST_EXPOSURE / 10}, and without its limits would not`, async () => {
    await using folder = await temporaryFolder();
    const unit = join(folder.path, "cocoon-net.service");
    await copyFile(UNIT, unit);
    await assess(unit);
    await writeFile(unit, "[Service]\nExecStart=/bin/true\n");
    await expect(assess(unit)).rejects.toThrow("Overall exposure level");
  });

  test("has no directive that the sandbox tests neither bring about nor explain", () => {
    const known = new Set([...ENFORCED, ...Object.keys(NOT_ENFORCED)]);
    expect([...service.keys()].filter((key) => !known.has(key))).toEqual([]);
    expect([...known].filter((key) => !service.has(key))).toEqual([]);
  });

  test.each([
    ["Type", "notify"],
    ["Restart", "always"],
    ["RestartSec", "200ms"],
    ["OOMScoreAdjust", "-900"],
    ["RuntimeDirectory", "cocoon-net"],
    ["RuntimeDirectoryPreserve", "yes"],
    ["StateDirectory", "cocoon/net"],
    ["NoNewPrivileges", "yes"],
    ["ProtectSystem", "strict"],
    ["ProtectKernelTunables", "no"],
    ["MemoryDenyWriteExecute", "no"],
  ])("%s=%s", (key, value) => {
    expect(one(key)).toBe(value);
  });

  test("is never given up: no start limit", () => {
    const unit = parseUnit(readFileSync(UNIT, "utf8")).get("Unit");
    expect(unit?.get("StartLimitIntervalSec")).toEqual(["0"]);
  });

  test("is not started before the node has a pool", () => {
    const unit = parseUnit(readFileSync(UNIT, "utf8")).get("Unit");
    expect(unit?.get("AssertPathExists")).toEqual([`/var/lib/${one("StateDirectory")}/pool.json`]);
  });

  test.each([
    "mount",
    "umount2",
    "ptrace",
    "init_module",
    "reboot",
    "swapon",
    "clock_settime",
    "add_key",
  ])("does not let the broker call %s", (call) => {
    const allowed = allowedCalls(service.get("SystemCallFilter") ?? [], callSets());
    expect(allowed.has("read")).toBe(true);
    expect(allowed.has(call)).toBe(false);
  });
});

async function verify(unit: string): Promise<string> {
  // Loading a unit by its path makes systemd-analyze complain of nothing else on the machine.
  const output = await run([
    "sh",
    "-c",
    'systemd-analyze verify --man=no "$1" 2>&1 || true',
    "sh",
    unit,
  ]);
  return output.trim();
}

async function assess(unit: string): Promise<void> {
  await run([
    "systemd-analyze",
    "security",
    "--offline=true",
    `--threshold=${MOST_EXPOSURE}`,
    unit,
  ]);
}
