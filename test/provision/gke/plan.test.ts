// What init does, from tables: no cloud, no machine.

import { describe, expect, it } from "vitest";
import { containsPrefix } from "#core/prefix.ts";
import { planInit } from "#provision/gke/plan.ts";
import { parseRangeStep, rangeStepId } from "#provision/gke/steps.ts";
import { pendingSteps } from "#provision/steps.ts";
import { SUBNET, goalOf, prefix } from "./node.ts";
import {
  type Change,
  entry,
  ids,
  journal,
  ourAlias,
  ourRange,
  podAlias,
  seenWith,
} from "./seen-with.ts";

describe("init's plan", () => {
  it.each<[string, Change, string[]]>([
    [
      "all is there",
      { aliases: [podAlias, ourAlias] },
      ["keep make-range", "keep add-alias", "keep guest-agent"],
    ],
    [
      "alias lacks",
      {},
      ["check check-permissions", "keep make-range", "attach add-alias", "keep guest-agent"],
    ],
    [
      "range lacks",
      { ranges: [] },
      ["check check-permissions", "make make-range", "attach add-alias", "keep guest-agent"],
    ],
    [
      "agent makes routes",
      { aliases: [ourAlias], seen: { agent: { units: ["a.service"], routesOff: false } } },
      ["keep make-range", "keep add-alias", "write guest-agent"],
    ],
    [
      "no agent",
      { aliases: [ourAlias], seen: { agent: { units: [], routesOff: false } } },
      ["keep make-range", "keep add-alias", "keep guest-agent"],
    ],
    [
      "credentials of a file have no scopes",
      { seen: { scopes: undefined } },
      ["check check-permissions", "keep make-range", "attach add-alias", "keep guest-agent"],
    ],
  ])("%s", (_, change, wanted) => {
    expect(ids(planInit(goalOf(SUBNET), seenWith(change), undefined).steps)).toEqual(wanted);
  });

  it("restarts the agent that a cut-off run has not", () => {
    const cutOff = journal([entry("guest-agent", { file: "absent" }, "intended")]);
    const { steps } = planInit(goalOf(SUBNET), seenWith({ aliases: [ourAlias] }), cutOff);
    expect(ids(steps).at(-1)).toBe("write guest-agent");
  });

  it.each<[string, Change, string, RegExp]>([
    [
      "another VM of that name",
      { seen: { identity: { instance: "2", name: "node-1" } } },
      "cloud-conflict",
      /made anew/,
    ],
    ["no link with the MAC", { seen: { link: undefined } }, "system-failure", /42:01:0a:80:00:02/],
    [
      "overlapping alias",
      { aliases: [{ ipCidrRange: "172.20.100.128/25" }] },
      "cloud-conflict",
      /the primary range/,
    ],
    [
      "alias from another range",
      { aliases: [{ ...ourAlias, subnetworkRangeName: "pods" }] },
      "cloud-conflict",
      /from pods/,
    ],
    [
      "range too narrow",
      { ranges: [{ ...ourRange, ipCidrRange: "172.20.100.0/25" }] },
      "cloud-conflict",
      /does not cover/,
    ],
    [
      "range is no range",
      { ranges: [{ ...ourRange, ipCidrRange: "all of it" }] },
      "cloud-conflict",
      /does not cover/,
    ],
    [
      "other range there",
      { ranges: [{ ...ourRange, rangeName: "vms" }] },
      "cloud-conflict",
      /overlaps secondary range vms/,
    ],
    [
      "scopes that read",
      { seen: { scopes: ["https://www.googleapis.com/auth/compute.readonly"] } },
      "cloud-denied",
      /scopes/,
    ],
    ["no scopes", { seen: { scopes: [] } }, "cloud-denied", /has none/],
    ["strange range name", { seen: { rangeName: "a/b" } }, "invalid-config", /aliasRangeName/],
    [
      "interface full",
      {
        aliases: Array.from({ length: 150 }, (_, index) => ({ ipCidrRange: `10.4.0.${index}/32` })),
      },
      "cloud-limit",
      /150/,
    ],
  ])("refuses: %s", (_, change, code, message) => {
    const plan = () => planInit(goalOf(SUBNET), seenWith(change), undefined);
    expect(plan).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
    expect(plan).toThrow(expect.objectContaining({ hint: expect.stringMatching(/\S/) }));
  });

  it("lets scopes and permissions be when nothing is to be changed", () => {
    const seen = seenWith({ aliases: [ourAlias], seen: { scopes: [] } });
    expect(pendingSteps(planInit(goalOf(SUBNET), seen, undefined))).toEqual([]);
  });

  it("refuses the primary range of the subnetwork", () => {
    const plan = () => planInit(goalOf("10.128.4.0/24"), seenWith({ ranges: [] }), undefined);
    expect(plan).toThrow(/overlaps the primary range/);
  });

  it("warns of fewer addresses than wanted", () => {
    const small = goalOf(SUBNET, { subnet: prefix("172.20.100.0/28") });
    expect(planInit(small, seenWith(), undefined).warnings).toEqual([
      expect.stringContaining("has 13 addresses"),
    ]);
  });
});

describe("step IDs", () => {
  it("are read back", () => {
    const step = { kind: "add-alias", rangeName: "cocoon-pods", cidr: SUBNET } as const;
    expect(parseRangeStep(rangeStepId(step))).toEqual(step);
    for (const id of [
      "guest-agent",
      "add-alias/a",
      "other/a/10.0.0.0/8",
      "add-alias/a/b/10.0.0.0/8",
    ])
      expect(parseRangeStep(id)).toBeUndefined();
  });

  it("name ranges that cover what they are for", () => {
    const { steps } = planInit(goalOf(SUBNET), seenWith({ ranges: [] }), undefined);
    const made = steps.find(({ action }) => action === "make");
    expect(containsPrefix(prefix(parseRangeStep(made?.id ?? "")?.cidr ?? ""), prefix(SUBNET))).toBe(
      true,
    );
  });
});
