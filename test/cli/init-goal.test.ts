// What init asks for when a pool is there already: the recorded name and gateway, unless flags say otherwise.

import { expect, test } from "vitest";
import { loadConfig } from "#broker/config.ts";
import { goalOf } from "#cli/commands/init.ts";
import { parsePoolFile } from "#provision/pool-file.ts";

const existing = parsePoolFile(
  JSON.stringify({
    platform: "gke",
    nodeName: "node-1",
    subnet: "10.231.40.0/24",
    gateway: "10.231.40.9",
  }),
  "pool.json",
);
const goal = (flags: Record<string, string>, pool = existing) =>
  goalOf(
    loadConfig({ flags, environment: {}, readFile: () => undefined, hostName: "renamed" }),
    pool,
  ).goal;

test.each([
  ["the recorded name, though the host's has changed", {}, "node-1"],
  ["a name that is given", { nodeName: "node-2" }, "node-2"],
])("%s", (_what, flags, nodeName) => {
  expect(goal(flags)).toMatchObject({ nodeName, gateway: "10.231.40.9" });
});

test("the host's name where none is recorded", () => {
  expect(goal({}, { ...existing, nodeName: "" }).nodeName).toBe("renamed");
});
