// teardown in a network namespace of its own: our routes and our bridge go, what is another's stays.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { BRIDGE_ALIAS } from "#broker/node/desired.ts";

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

function namespace() {
  const root = mkdtempSync(join(tmpdir(), "cocoon-net-teardown-"));
  const name = `cntd${process.pid}`;
  const settings = ["--state-dir", root, "--cni-conf-dir", join(root, "cni"), "--bridge", "cnbr0"];
  const inside = (command: string, ...args: readonly string[]) =>
    execFileSync("ip", ["netns", "exec", name, command, ...args], { encoding: "utf8" });
  execFileSync("ip", ["netns", "add", name]);
  return {
    root,
    inside,
    command: (verb: string, ...more: readonly string[]) =>
      inside(process.execPath, main, verb, ...settings, ...more),
    [Symbol.dispose]() {
      execFileSync("ip", ["netns", "delete", name]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

test.each([
  ["our bridge goes", BRIDGE_ALIAS, false],
  ["another's bridge stays", "flannel", true],
])("%s, and our routes with it", (_what, alias, stays) => {
  using node = namespace();
  const { inside, command } = node;
  command("adopt", "--platform", "local", "--subnet", "10.231.49.0/24", "--manage-iptables");
  inside("ip", "link", "add", "cnbr0", "type", "bridge");
  inside("ip", "link", "set", "cnbr0", "up", "alias", alias);
  inside("ip", "route", "add", "10.231.49.5/32", "dev", "cnbr0", "proto", "204");
  inside("ip", "route", "add", "10.9.9.9/32", "dev", "cnbr0", "proto", "static");
  const socket = ["--socket", join(node.root, "broker.sock")];

  expect(command("teardown", "--dry-run", ...socket)).toContain("remove 1 host routes");
  expect(inside("ip", "route")).toContain("10.231.49.5");
  command("teardown", ...socket);
  expect(inside("ip", "route")).not.toContain("10.231.49.5");
  expect(inside("ip", "-o", "link").includes("cnbr0")).toBe(stays);
  expect(inside("ip", "route").includes("10.9.9.9")).toBe(stays);
  expect(existsSync(join(node.root, "pool.json"))).toBe(false);
});
