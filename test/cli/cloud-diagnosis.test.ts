// What doctor makes of the cloud's side: the same table, for what only the cloud can tell.

import { describe, expect, test } from "vitest";
import type { DifferenceTopic } from "#provision/cloud.ts";
import { diagnoseCloud } from "#cli/cloud-diagnosis.ts";
import type { CloudSide } from "#cli/cloud-side.ts";
import { judge, poolOf, sound } from "./sound-machine.ts";

const gke = poolOf("gke", "complete");
const volcengine = poolOf("volcengine", "complete");

describe("the cloud's side", () => {
  const side: CloudSide = {
    platform: "volcengine",
    state: "complete",
    degraded: [],
    differences: [],
  };
  const differing = (topic?: DifferenceTopic) => ({
    ...side,
    differences: [
      { what: "thing", recorded: "one", found: "other", hint: "do", ...(topic && { topic }) },
    ],
  });

  test.each<[DifferenceTopic, string, string, string]>([
    ["ingress", "problem", "not from other hosts", "do"],
    ["leftover", "warning", "InsufficientIpInSubnet", "do"],
    ["range", "problem", "does not cover", "do"],
    ["origin", "problem", "wrong subnet", "right --subnet"],
    ["link", "problem", "cannot be reached", "do"],
    ["agent", "warning", "cannot be reached", "do"],
  ])("%s", (topic, state, symptom, remedy) => {
    expect(judge(diagnoseCloud(volcengine, differing(topic)))).toMatchObject([
      {
        state,
        detail: expect.stringContaining("thing"),
        symptom: expect.stringContaining(symptom),
        remedy: expect.stringContaining(remedy),
      },
    ]);
  });

  test("what has no symptom of its own is a problem all the same", () => {
    expect(judge(diagnoseCloud(volcengine, differing()))).toEqual([
      {
        check: "cloud",
        state: "problem",
        detail: "thing: one by pool.json, other in the cloud",
        remedy: "do",
      },
    ]);
  });

  test("a cloud that cannot be read leaves the exact rule to look for", () => {
    const found = judge(diagnoseCloud(volcengine, { ...side, unread: "no credentials" }));
    expect(found).toMatchObject([
      { check: "cloud", state: "warning", detail: expect.stringContaining("no credentials") },
      {
        check: "security group",
        state: "warning",
        symptom: expect.stringContaining("not from other hosts"),
        remedy: expect.stringMatching(
          /accept, protocol all, ports -1\/-1, source 172\.20\.0\.0\/16/,
        ),
      },
    ]);
    expect(judge(diagnoseCloud(gke, { ...side, platform: "gke", unread: "no" }))).toHaveLength(1);
  });

  test("a cloud that agrees, was not asked or is not there is no trouble", () => {
    expect(judge(diagnoseCloud(volcengine, side))).toEqual([]);
    expect(diagnoseCloud(volcengine, side).map(({ check }) => check)).toContain("security group");
    expect(judge(diagnoseCloud(volcengine, undefined))).toEqual([]);
    expect(diagnoseCloud(sound.pool, undefined)).toEqual([]);
    expect(diagnoseCloud(undefined, undefined)).toEqual([]);
  });
});
